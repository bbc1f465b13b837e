/** Reads a memory diff, checking every byte before it is used. */
import { type FileHandle, open } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";
import {
  checkBlock,
  checkTarget,
  type DiffIndex,
  type DiffTarget,
  decodeFooter,
  decodeTable,
  FOOTER_BYTES,
} from "./diff-format.ts";
import { readFully } from "./file-io.ts";
import type { PageRun, Placed } from "./pages.ts";
import { readAhead } from "./read-ahead.ts";

export class DiffReader implements AsyncDisposable {
  readonly index: DiffIndex;
  readonly #file: FileHandle;

  private constructor(file: FileHandle, index: DiffIndex) {
    this.#file = file;
    this.index = index;
  }

  /** @throws snapshot_missing, snapshot_incompatible, snapshot_corrupt also when it is not a diff of `target` */
  static async open(path: string, target: DiffTarget): Promise<DiffReader> {
    const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
      throw new WrennError("snapshot_missing", `the memory diff ${path} does not exist`, { cause: error });
    });
    try {
      return new DiffReader(file, await readIndex(file, target));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get zeroRanges(): PageRun[] {
    return this.index.ranges.filter(({ kind }) => kind === "zero");
  }

  /**
   * The data, a block of at most BLOCK_BYTES at a time, each as the writes that put it in place; the bytes are valid until the
   * next block is asked for. @throws snapshot_corrupt before a damaged block is handed out
   */
  async *data(signal?: AbortSignal): AsyncGenerator<readonly Placed[]> {
    const place = placer(this.index.ranges.filter(({ kind }) => kind === "data"));
    const all = [{ offset: 0, length: this.index.dataBytes }];
    const read = (offset: number, bytes: Buffer): Promise<void> => readFully(this.#file, bytes, offset);
    let number = 0;
    // The pieces that are read ahead are the blocks that have a checksum.
    for await (const { bytes } of readAhead(all, read, signal)) {
      checkBlock(this.index, number, bytes);
      yield place(bytes);
      number += 1;
    }
  }

  /** Reads all of it. @throws snapshot_corrupt */
  async verify(signal?: AbortSignal): Promise<void> {
    for await (const _writes of this.data(signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

async function readIndex(file: FileHandle, target: DiffTarget): Promise<DiffIndex> {
  const { size } = await file.stat();
  const end = Buffer.alloc(Math.min(size, FOOTER_BYTES));
  await readFully(file, end, size - end.length);
  const footer = decodeFooter(end, size);
  const table = Buffer.alloc(footer.tableBytes);
  await readFully(file, table, footer.dataBytes);
  const index = decodeTable(footer, table);
  checkTarget(index, target);
  return index;
}

/** Deals the packed bytes out to their ranges, block by block. */
function placer(ranges: readonly PageRun[]): (block: Buffer) => Placed[] {
  let number = 0;
  let used = 0;
  return (block) => {
    const writes: Placed[] = [];
    let at = 0;
    for (let range = ranges[number]; range !== undefined && at < block.length; range = ranges[number]) {
      const bytes = block.subarray(at, at + range.length - used);
      writes.push({ offset: range.offset + used, bytes });
      at += bytes.length;
      used += bytes.length;
      if (used < range.length) break;
      number += 1;
      used = 0;
    }
    return writes;
  };
}
