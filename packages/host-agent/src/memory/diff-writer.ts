/** Writes a memory diff front to back: data as it comes, then the table and the footer that make it one. */
import { type FileHandle, open, rm } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { BLOCK_BYTES, type DiffRange, type DiffTarget, encodeIndex } from "./diff-format.ts";
import { writeFully } from "./file-io.ts";
import { PAGE_BYTES } from "./pages.ts";

export class DiffWriter {
  readonly #file: FileHandle;
  readonly #target: DiffTarget;
  readonly #ranges: { offset: number; length: number; kind: DiffRange["kind"] }[] = [];
  readonly #checksums: number[] = [];
  #dataBytes = 0;

  private constructor(file: FileHandle, target: DiffTarget) {
    this.#file = file;
    this.#target = target;
  }

  /**
   * Makes the new file `path` and lets `fill` write it, in ascending order; it is on disk when this returns, unless `sync` is
   * false. On a failure, that the file exists among others, it throws the error as it is and leaves nothing behind.
   */
  static async write(
    path: string,
    target: DiffTarget,
    sync: boolean,
    fill: (writer: DiffWriter) => Promise<void>,
  ): Promise<void> {
    const file = await open(path, "wx", 0o600);
    try {
      try {
        const writer = new DiffWriter(file, target);
        await fill(writer);
        await writer.#finish();
        if (sync) await file.sync();
      } finally {
        await file.close();
      }
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }

  /** Records a page; one of kind "data" must be part of what is appended next. */
  addPage(offset: number, kind: DiffRange["kind"]): void {
    const last = this.#ranges.at(-1);
    if (last !== undefined && last.kind === kind && last.offset + last.length === offset) last.length += PAGE_BYTES;
    else this.#ranges.push({ offset, length: PAGE_BYTES, kind });
  }

  /** Appends data of recorded pages. `data` must not change until the promise resolves. */
  async append(data: Buffer): Promise<void> {
    const position = this.#dataBytes;
    for (let at = 0; at < data.length; ) {
      const inBlock = this.#dataBytes % BLOCK_BYTES;
      const part = data.subarray(at, at + BLOCK_BYTES - inBlock);
      const before = inBlock === 0 ? 0 : (this.#checksums.pop() ?? 0);
      this.#checksums.push(crc32(part, before));
      this.#dataBytes += part.length;
      at += part.length;
    }
    await writeFully(this.#file, data, position);
  }

  async #finish(): Promise<void> {
    const index = encodeIndex({
      ...this.#target,
      ranges: this.#ranges,
      checksums: this.#checksums,
      dataBytes: this.#dataBytes,
    });
    await writeFully(this.#file, index, this.#dataBytes);
  }
}
