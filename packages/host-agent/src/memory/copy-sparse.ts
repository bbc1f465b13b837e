/** Copies a sparse file so that holes stay holes. cp does it too, but its errors have no code that tells of a full disk. */
import { constants } from "node:fs";
import { chmod, copyFile, type FileHandle, open, rm } from "node:fs/promises";
import { readFully, writeFully } from "./file-io.ts";
import { readAhead } from "./read-ahead.ts";
import { dataRuns } from "./sparse.ts";

/**
 * Copies to the new file `target`, mode 0600; the blocks are shared where the file system can.
 * @throws errors of the file system unchanged, EEXIST among them; a half-made copy is removed
 */
export async function copySparse(source: string, target: string, signal?: AbortSignal): Promise<void> {
  const { COPYFILE_EXCL, COPYFILE_FICLONE_FORCE } = constants;
  const cloned = await copyFile(source, target, COPYFILE_EXCL | COPYFILE_FICLONE_FORCE).then(
    () => true,
    // Whatever is truly wrong, the copy finds as well.
    () => false,
  );
  if (cloned) return chmod(target, 0o600);
  await using from = await open(source, "r");
  const to = await open(target, "wx", 0o600);
  try {
    try {
      await copyData(from, to, signal);
    } finally {
      await to.close();
    }
  } catch (error) {
    await rm(target, { force: true });
    throw error;
  }
}

async function copyData(from: FileHandle, to: FileHandle, signal: AbortSignal | undefined): Promise<void> {
  const { size } = await from.stat();
  await to.truncate(size);
  const read = (offset: number, bytes: Buffer): Promise<void> => readFully(from, bytes, offset);
  for await (const { parts } of readAhead(dataRuns(from.fd, size), read, signal)) {
    await Promise.all(parts.map(({ offset, bytes }) => writeFully(to, bytes, offset)));
  }
}
