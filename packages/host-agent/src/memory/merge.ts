/** Makes a base of its own from a base and a diff, for children that share it. */
import { type FileHandle, open, rm, stat } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { copySparse } from "./copy-sparse.ts";
import { DiffReader } from "./diff-reader.ts";
import { writeFully } from "./file-io.ts";
import { pieces } from "./pages.ts";
import { punchHole } from "./sparse.ts";

export interface MergeOptions {
  readonly base: string;
  /** 32 lowercase hexadecimal digits that name the base */
  readonly baseId: string;
  readonly diff: string;
  /** path of the new base; there must be no such file */
  readonly target: string;
  readonly signal?: AbortSignal;
}

/**
 * Writes the memory that base and diff describe into a new sparse file that nobody may write, and brings it to disk.
 * @throws snapshot_missing, snapshot_incompatible, snapshot_corrupt; errors of the file system unchanged. After any failure
 * `target` is as it was.
 */
export async function mergeMemory({ base, baseId, diff: diffPath, target, signal }: MergeOptions): Promise<void> {
  const { size } = await stat(base);
  await using diff = await DiffReader.open(diffPath, { memoryBytes: size, baseId });
  await copySparse(base, target, signal);
  try {
    await using file = await open(target, "r+");
    await change(file, diff, signal);
    await file.sync();
    await file.chmod(0o444);
  } catch (error) {
    await rm(target, { force: true });
    throw error;
  }
}

async function change(file: FileHandle, diff: DiffReader, signal: AbortSignal | undefined): Promise<void> {
  for await (const writes of diff.data(signal)) {
    await Promise.all(writes.map(({ offset, bytes }) => writeFully(file, bytes, offset)));
  }
  for (const runs of pieces(diff.zeroRanges)) {
    signal?.throwIfAborted();
    for (const { offset, length } of runs) punchHole(file.fd, offset, length);
    // Each hole is a system call on this thread: others get their turn in between.
    await setImmediate();
  }
}
