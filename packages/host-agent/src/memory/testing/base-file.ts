/** A base for tests: a sparse file of a few MiB with data, holes, and data again. */
import { open, readFile } from "node:fs/promises";
import { PAGE_BYTES } from "../pages.ts";

export const BASE_PAGES = 2048;
export const BASE_BYTES = BASE_PAGES * PAGE_BYTES;
/** pages with data, as first page and one behind the last; all others are holes */
export const BASE_DATA = [
  [0, 256],
  [1024, 1100],
] as const;

/** Makes the file, and returns what it holds. */
export async function makeBase(path: string): Promise<Buffer> {
  await using file = await open(path, "wx", 0o444);
  await file.truncate(BASE_BYTES);
  for (const [start, end] of BASE_DATA) {
    const bytes = Buffer.alloc((end - start) * PAGE_BYTES);
    for (let i = 0; i < bytes.length; i++) bytes[i] = 1 + ((i * 13 + (i >> 12) + start) % 255);
    await file.write(bytes, 0, bytes.length, start * PAGE_BYTES);
  }
  await file.sync();
  return readFile(path);
}
