/**
 * The format of a memory diff: what a guest changed of its base, in one file that is written front to back.
 *
 *     data      the changed pages that are not all zero, packed, in order of their place in memory
 *     table     each range of changed pages: first page, pages, kind; then the CRC-32 of each MiB of the data
 *     footer    64 bytes at the end of the file, so that a file cut short has none
 *
 * All numbers are little endian. Everything is covered by a CRC-32: the data by the table, the table by the
 * footer, the footer by itself. The decoder trusts nothing.
 */
import { crc32 } from "node:zlib";
import { WrennError } from "@wrenn/protocol/errors";
import { PAGE_BYTES, type PageRun, PIECE_BYTES } from "./pages.ts";

export const DIFF_VERSION = 1;
export const FOOTER_BYTES = 64;
/** bytes of data under one checksum; another number is another version */
export const BLOCK_BYTES = PIECE_BYTES;

/** Page numbers have 32 bits. */
const MAX_MEMORY_BYTES = 2 ** 32 * PAGE_BYTES;
const MAGIC = Buffer.from("WRENNMEM", "latin1");
const BASE_ID = /^[0-9a-f]{32}$/;
const RANGE_BYTES = 12;
const CHECKSUM_BYTES = 4;
const KINDS = ["data", "zero"] as const;

// Offsets of the footer's fields.
const MEMORY_BYTES = 0;
const DATA_BYTES = 8;
const RANGES = 16;
const PAGE_SIZE = 20;
const ID = 24;
const TABLE_CHECKSUM = 40;
const FOOTER_CHECKSUM = 48;
// These two stand at the same distance from the end of the file in every version.
const VERSION = 52;
const MAGIC_AT = 56;

export interface DiffRange extends PageRun {
  /** "data": the bytes are in the file; "zero": the pages are zero where the base is not */
  readonly kind: (typeof KINDS)[number];
}

/** What a diff belongs to. */
export interface DiffTarget {
  /** size of the guest's memory */
  readonly memoryBytes: number;
  /** 32 lowercase hexadecimal digits that name the base */
  readonly baseId: string;
}

export interface DiffIndex extends DiffTarget {
  /** ascending, without overlaps */
  readonly ranges: readonly DiffRange[];
  /** CRC-32 of each block of BLOCK_BYTES of the data; the last block may be shorter */
  readonly checksums: readonly number[];
  readonly dataBytes: number;
}

export interface DiffFooter extends DiffTarget {
  readonly dataBytes: number;
  readonly rangeCount: number;
  readonly tableBytes: number;
  readonly tableChecksum: number;
}

function corrupt(problem: string): WrennError {
  return new WrennError("snapshot_corrupt", `the memory diff is damaged: ${problem}`);
}

/** Table and footer, to be written behind the data. @throws RangeError when the caller names an impossible base */
export function encodeIndex(index: DiffIndex): Buffer {
  if (!BASE_ID.test(index.baseId)) throw new RangeError("the id of a base has 32 hexadecimal digits");
  const { ranges, checksums } = index;
  const table = Buffer.alloc(ranges.length * RANGE_BYTES + checksums.length * CHECKSUM_BYTES);
  let at = 0;
  for (const { offset, length, kind } of ranges) {
    at = table.writeUInt32LE(offset / PAGE_BYTES, at);
    at = table.writeUInt32LE(length / PAGE_BYTES, at);
    at = table.writeUInt32LE(KINDS.indexOf(kind), at);
  }
  for (const checksum of checksums) at = table.writeUInt32LE(checksum, at);

  const footer = Buffer.alloc(FOOTER_BYTES);
  footer.writeBigUInt64LE(BigInt(index.memoryBytes), MEMORY_BYTES);
  footer.writeBigUInt64LE(BigInt(index.dataBytes), DATA_BYTES);
  footer.writeUInt32LE(ranges.length, RANGES);
  footer.writeUInt32LE(PAGE_BYTES, PAGE_SIZE);
  footer.write(index.baseId, ID, "hex");
  footer.writeUInt32LE(crc32(table), TABLE_CHECKSUM);
  footer.writeUInt32LE(DIFF_VERSION, VERSION);
  MAGIC.copy(footer, MAGIC_AT);
  footer.writeUInt32LE(footerChecksum(footer), FOOTER_CHECKSUM);
  return Buffer.concat([table, footer]);
}

function footerChecksum(footer: Buffer): number {
  return crc32(footer.subarray(VERSION), crc32(footer.subarray(0, FOOTER_CHECKSUM)));
}

/**
 * Reads the last FOOTER_BYTES of a file of `fileBytes`; the table lies right before them and the data at the start.
 * @throws snapshot_corrupt saying what is wrong, snapshot_incompatible naming both versions
 */
export function decodeFooter(footer: Buffer, fileBytes: number): DiffFooter {
  if (footer.length !== FOOTER_BYTES) throw corrupt(`it has only ${fileBytes} bytes`);
  if (!footer.subarray(MAGIC_AT).equals(MAGIC)) throw corrupt("its end is missing, or it is another file");
  const version = footer.readUInt32LE(VERSION);
  if (version !== DIFF_VERSION) {
    const message = `the memory diff has format version ${version}, this host agent reads version ${DIFF_VERSION}`;
    throw new WrennError("snapshot_incompatible", message);
  }
  if (footer.readUInt32LE(FOOTER_CHECKSUM) !== footerChecksum(footer)) throw corrupt("its footer has a wrong checksum");
  const pageSize = footer.readUInt32LE(PAGE_SIZE);
  if (pageSize !== PAGE_BYTES) {
    const message = `the memory diff has pages of ${pageSize} bytes, this host has pages of ${PAGE_BYTES}`;
    throw new WrennError("snapshot_incompatible", message);
  }
  const memoryBytes = Number(footer.readBigUInt64LE(MEMORY_BYTES));
  if (memoryBytes % PAGE_BYTES !== 0 || memoryBytes > MAX_MEMORY_BYTES) {
    throw corrupt(`it is for an impossible memory of ${memoryBytes} bytes`);
  }
  const dataBytes = Number(footer.readBigUInt64LE(DATA_BYTES));
  if (dataBytes % PAGE_BYTES !== 0 || dataBytes > memoryBytes) throw corrupt(`it claims ${dataBytes} bytes of data`);
  const rangeCount = footer.readUInt32LE(RANGES);
  if (rangeCount > memoryBytes / PAGE_BYTES) throw corrupt(`it claims ${rangeCount} ranges, more than there are pages`);
  const tableBytes = rangeCount * RANGE_BYTES + Math.ceil(dataBytes / BLOCK_BYTES) * CHECKSUM_BYTES;
  const expected = dataBytes + tableBytes + FOOTER_BYTES;
  if (fileBytes !== expected) throw corrupt(`it has ${fileBytes} bytes instead of ${expected}`);
  const baseId = footer.toString("hex", ID, ID + 16);
  return { memoryBytes, baseId, dataBytes, rangeCount, tableBytes, tableChecksum: footer.readUInt32LE(TABLE_CHECKSUM) };
}

/** Reads the table that a footer describes. @throws snapshot_corrupt saying what is wrong */
export function decodeTable(footer: DiffFooter, table: Buffer): DiffIndex {
  const { memoryBytes, baseId, dataBytes, rangeCount, tableBytes, tableChecksum } = footer;
  if (table.length !== tableBytes) throw corrupt(`its table has ${table.length} bytes instead of ${tableBytes}`);
  if (crc32(table) !== tableChecksum) throw corrupt("its table has a wrong checksum");
  const ranges: DiffRange[] = [];
  let end = 0;
  let data = 0;
  for (let at = 0; at < rangeCount * RANGE_BYTES; at += RANGE_BYTES) {
    const range = decodeRange(table, at);
    const { offset, length, kind } = range;
    if (length === 0) throw corrupt(`its range at ${offset} is empty`);
    if (offset < end) throw corrupt(`its range at ${offset} overlaps the one before, or is out of order`);
    end = offset + length;
    if (end > memoryBytes)
      throw corrupt(`its range at ${offset} ends at ${end}, behind the memory's ${memoryBytes} bytes`);
    if (kind === "data") data += length;
    ranges.push(range);
  }
  if (data !== dataBytes) throw corrupt(`its ranges hold ${data} bytes of data instead of ${dataBytes}`);
  const checksums: number[] = [];
  for (let at = rangeCount * RANGE_BYTES; at < tableBytes; at += CHECKSUM_BYTES) checksums.push(table.readUInt32LE(at));
  return { memoryBytes, baseId, ranges, checksums, dataBytes };
}

function decodeRange(table: Buffer, at: number): DiffRange {
  const offset = table.readUInt32LE(at) * PAGE_BYTES;
  const length = table.readUInt32LE(at + 4) * PAGE_BYTES;
  const code = table.readUInt32LE(at + 8);
  const kind = KINDS[code];
  if (kind === undefined) throw corrupt(`its range at ${offset} is of unknown kind ${code}`);
  return { offset, length, kind };
}

/** @throws snapshot_corrupt when block `number` of the data is not what was written */
export function checkBlock(index: DiffIndex, number: number, block: Buffer): void {
  if (crc32(block) !== index.checksums[number]) {
    throw corrupt(
      `its data has a wrong checksum between ${number * BLOCK_BYTES} and ${number * BLOCK_BYTES + block.length}`,
    );
  }
}

/** @throws snapshot_corrupt when the diff is of another guest memory than the caller has */
export function checkTarget(index: DiffTarget, { memoryBytes, baseId }: DiffTarget): void {
  const problem =
    index.memoryBytes !== memoryBytes
      ? `a memory of ${index.memoryBytes} bytes, and this one has ${memoryBytes}`
      : index.baseId !== baseId
        ? `the base ${index.baseId}, and this one is ${baseId}`
        : undefined;
  if (problem !== undefined) throw new WrennError("snapshot_corrupt", `the memory diff is of ${problem}`);
}
