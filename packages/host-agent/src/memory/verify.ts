/** A checksum of a sparse file that depends on what the file reads as, not on where its holes are. */
import { open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { readFully } from "./file-io.ts";
import { isZero, PAGE_BYTES, type Placed } from "./pages.ts";
import { readAhead } from "./read-ahead.ts";
import { dataRuns } from "./sparse.ts";

/**
 * CRC-32 over the file's size and every page that is not all zero, each behind its place; 8 hexadecimal digits. Holes are not
 * read. It finds damage, not malice.
 */
export async function checksumFile(path: string, signal?: AbortSignal): Promise<string> {
  await using file = await open(path, "r");
  const { size } = await file.stat();
  const read = (offset: number, bytes: Buffer): Promise<void> => readFully(file, bytes, offset);
  let sum = addPlace(size, 0);
  for await (const { parts } of readAhead(dataRuns(file.fd, size), read, signal)) {
    for (const part of parts) sum = addPages(part, sum);
  }
  return sum.toString(16).padStart(8, "0");
}

function addPages({ offset, bytes }: Placed, sum: number): number {
  let result = sum;
  for (let start = 0; start < bytes.length; start += PAGE_BYTES) {
    const end = Math.min(start + PAGE_BYTES, bytes.length);
    if (!isZero(bytes, start, end)) result = crc32(bytes.subarray(start, end), addPlace(offset + start, result));
  }
  return result;
}

const place = Buffer.alloc(8);

function addPlace(offset: number, sum: number): number {
  place.writeDoubleLE(offset);
  return crc32(place, sum);
}
