import { crc32 } from "node:zlib";
import { hasCode } from "@wrenn/protocol/errors";
import { describe, expect, it } from "vitest";
import {
  checkBlock,
  checkTarget,
  type DiffIndex,
  type DiffRange,
  decodeFooter,
  decodeTable,
  encodeIndex,
  FOOTER_BYTES,
} from "./diff-format.ts";
import { PAGE_BYTES, PIECE_BYTES } from "./pages.ts";

const GIB = 1024 ** 3;
const BASE_ID = "00112233445566778899aabbccddeeff";

function range(page: number, pages: number, kind: DiffRange["kind"] = "data"): DiffRange {
  return { offset: page * PAGE_BYTES, length: pages * PAGE_BYTES, kind };
}

function indexOf(ranges: DiffRange[], memoryBytes = 8 * GIB): DiffIndex {
  const dataBytes = ranges.reduce((sum, { kind, length }) => sum + (kind === "data" ? length : 0), 0);
  const checksums = Array.from({ length: Math.ceil(dataBytes / PIECE_BYTES) }, (_, i) => i * 1000);
  return { memoryBytes, baseId: BASE_ID, ranges, checksums, dataBytes };
}

const GOOD = [range(0, 1), range(1, 2, "zero"), range(3, 300), range(2_000_000, 1, "zero")];

/** Decodes what stands behind the data, as the reader does. */
function decode(encoded: Buffer, dataBytes: number): DiffIndex {
  const end = encoded.subarray(-FOOTER_BYTES);
  const footer = decodeFooter(end, dataBytes + encoded.length);
  return decodeTable(footer, encoded.subarray(-FOOTER_BYTES - footer.tableBytes, -FOOTER_BYTES));
}

/** Changes the footer and makes its checksum right again, as an attacker would. */
function forge(index: DiffIndex, change: (footer: Buffer) => void): Buffer {
  const encoded = encodeIndex(index);
  const footer = encoded.subarray(-FOOTER_BYTES);
  change(footer);
  footer.writeUInt32LE(crc32(footer.subarray(52), crc32(footer.subarray(0, 48))), 48);
  return encoded;
}

function refusal(body: () => unknown): { code: string; message: string } {
  try {
    body();
  } catch (error) {
    if (hasCode(error, "snapshot_corrupt", "snapshot_incompatible"))
      return { code: error.code, message: error.message };
    throw error;
  }
  return { code: "none", message: "it was accepted" };
}

describe("the index of a memory diff", () => {
  it.each([
    ["with ranges of both kinds, beyond 4 GiB too", indexOf(GOOD)],
    ["of a guest that changed nothing", indexOf([])],
    ["with all pages changed", indexOf([range(0, 256)], 256 * PAGE_BYTES)],
    ["with nothing but zero pages", indexOf([range(7, 1, "zero")])],
  ])("%s is the same after encoding and decoding", (_what, index) => {
    expect(decode(encodeIndex(index), index.dataBytes)).toEqual(index);
  });

  it.each([
    ["overlap", [range(0, 2), range(1, 2)], "overlaps"],
    ["are out of order", [range(5, 1), range(1, 1)], "out of order"],
    ["come twice", [range(5, 1), range(5, 1)], "overlaps"],
    ["are empty", [range(5, 0)], "is empty"],
    ["end behind the memory", [range(8 * 256 * 1024 - 1, 2)], "behind the memory"],
    ["start behind the memory", [range(2 ** 32 - 1, 1, "zero")], "behind the memory"],
  ])("is refused when ranges %s, though its checksums are right", (_what, ranges, problem) => {
    const index = indexOf(ranges);
    const { code, message } = refusal(() => decode(encodeIndex(index), index.dataBytes));
    expect(code).toBe("snapshot_corrupt");
    expect(message).toContain(problem);
  });

  it("is refused when a range is of an unknown kind", () => {
    const index = indexOf([range(0, 1, "zero")]);
    const footer = encodeIndex(index).subarray(-FOOTER_BYTES);
    const table = Buffer.from([0, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0]);
    const decoded = { ...decodeFooter(footer, footer.length + 12), tableChecksum: crc32(table) };
    expect(refusal(() => decodeTable(decoded, table)).message).toContain("unknown kind 9");
  });

  it("is refused when its ranges hold less than the data", () => {
    const index = { ...indexOf([range(0, 1), range(1, 1, "zero")]), dataBytes: 2 * PAGE_BYTES };
    expect(refusal(() => decode(encodeIndex(index), index.dataBytes)).message).toContain(
      "hold 4096 bytes of data instead of 8192",
    );
  });

  it("cannot be made for a base without a proper name", () => {
    for (const baseId of ["", "00", `${BASE_ID}00`, BASE_ID.toUpperCase()]) {
      expect(() => encodeIndex({ ...indexOf(GOOD), baseId })).toThrow(RangeError);
    }
  });
});

describe("the footer of a memory diff", () => {
  const index = indexOf(GOOD);

  it.each([
    [
      "a memory that is no whole number of pages",
      (footer: Buffer) => footer.writeBigUInt64LE(4097n, 0),
      "impossible memory",
    ],
    ["a memory larger than there is", (footer: Buffer) => footer.writeBigUInt64LE(1n << 60n, 0), "impossible memory"],
    ["more data than memory", (footer: Buffer) => footer.writeBigUInt64LE(1n << 40n, 8), "bytes of data"],
    ["more ranges than pages", (footer: Buffer) => footer.writeUInt32LE(0xffff_ffff, 16), "more than there are pages"],
    ["a larger table than the file holds", (footer: Buffer) => footer.writeUInt32LE(1_000_000, 16), "bytes instead of"],
  ])("is refused when it claims %s, though its checksum is right", (_what, change, problem) => {
    const { code, message } = refusal(() => decode(forge(index, change), index.dataBytes));
    expect(code).toBe("snapshot_corrupt");
    expect(message).toContain(problem);
  });

  it("of another version is incompatible, whatever else is in it", () => {
    const encoded = encodeIndex(index);
    encoded.writeUInt32LE(7, encoded.length - 12);
    const { code, message } = refusal(() => decode(encoded, index.dataBytes));
    expect(code).toBe("snapshot_incompatible");
    expect(message).toBe("the memory diff has format version 7, this host agent reads version 1");
  });

  it("of a host with other pages is incompatible", () => {
    const encoded = forge(index, (footer) => footer.writeUInt32LE(65_536, 20));
    const { code, message } = refusal(() => decode(encoded, index.dataBytes));
    expect(code).toBe("snapshot_incompatible");
    expect(message).toContain("65536");
  });

  it("is missed in a file that is too small, or another one", () => {
    expect(refusal(() => decodeFooter(Buffer.alloc(10), 10)).message).toContain("only 10 bytes");
    expect(refusal(() => decodeFooter(Buffer.alloc(FOOTER_BYTES), 4096)).message).toContain("another file");
  });
});

describe("a memory diff", () => {
  it("is refused for another guest memory or another base", () => {
    const index = indexOf(GOOD);
    expect(refusal(() => checkTarget(index, index)).code).toBe("none");
    const size = refusal(() => checkTarget(index, { memoryBytes: GIB, baseId: BASE_ID }));
    expect(size).toEqual({
      code: "snapshot_corrupt",
      message: "the memory diff is of a memory of 8589934592 bytes, and this one has 1073741824",
    });
    const other = "f".repeat(32);
    const base = refusal(() => checkTarget(index, { memoryBytes: 8 * GIB, baseId: other }));
    expect(base.message).toBe(`the memory diff is of the base ${BASE_ID}, and this one is ${other}`);
  });

  it("tells which block of its data is damaged", () => {
    const block = Buffer.alloc(PAGE_BYTES, 5);
    const index = { ...indexOf([range(0, 257)]), checksums: [1, crc32(block)] };
    expect(refusal(() => checkBlock(index, 1, block)).code).toBe("none");
    block[0] = 6;
    expect(refusal(() => checkBlock(index, 1, block)).message).toContain("between 1048576 and 1052672");
  });
});
