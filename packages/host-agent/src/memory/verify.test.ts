import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PAGE_BYTES, PIECE_BYTES } from "./pages.ts";
import { punchHole } from "./sparse.ts";
import { checksumFile } from "./verify.ts";

const SIZE = 4 * PIECE_BYTES + 100;

let folder: string;
const at = (name: string): string => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "verify-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

/** Bytes with zero pages at the edges of blocks, a zero block, and data in the last, partial page. */
function content(): Buffer {
  const bytes = Buffer.alloc(SIZE);
  for (let i = 0; i < SIZE; i++) bytes[i] = (i * 31 + (i >> 12)) & 0xff;
  bytes.fill(0, 0, PAGE_BYTES);
  bytes.fill(0, PIECE_BYTES - 2 * PAGE_BYTES, PIECE_BYTES + PAGE_BYTES);
  bytes.fill(0, 2 * PIECE_BYTES, 3 * PIECE_BYTES);
  return bytes;
}

async function checksumOf(bytes: Buffer): Promise<string> {
  writeFileSync(at("other"), bytes);
  return checksumFile(at("other"));
}

describe("the checksum of a file", () => {
  it("is 8 hexadecimal digits, the same for the same content wherever the holes are", async () => {
    const solid = await checksumOf(content());
    expect(solid).toMatch(/^[0-9a-f]{8}$/);
    await using file = await open(at("other"), "r+");
    for (const [offset, length] of [
      [0, PAGE_BYTES],
      [PIECE_BYTES - PAGE_BYTES, 2 * PAGE_BYTES],
      [2 * PIECE_BYTES + PAGE_BYTES, PAGE_BYTES],
      [2 * PIECE_BYTES, PIECE_BYTES],
    ] as const) {
      punchHole(file.fd, offset, length);
      expect(await checksumFile(at("other"))).toBe(solid);
    }
  });

  it.each([
    ["its first byte", (bytes: Buffer) => void (bytes[0] = 1)],
    ["a byte of a zero block", (bytes: Buffer) => void (bytes[2 * PIECE_BYTES + 5] = 1)],
    ["its last byte", (bytes: Buffer) => void (bytes[SIZE - 1] = (bytes[SIZE - 1] ?? 0) ^ 1)],
    [
      "the place of a page",
      (bytes: Buffer) => void bytes.copyWithin(0, PAGE_BYTES, 2 * PAGE_BYTES).fill(0, PAGE_BYTES, 2 * PAGE_BYTES),
    ],
    ["a page that becomes zero", (bytes: Buffer) => void bytes.fill(0, PAGE_BYTES, 2 * PAGE_BYTES)],
  ])("changes with %s", async (_what, change) => {
    const bytes = content();
    change(bytes);
    expect(await checksumOf(bytes)).not.toBe(await checksumOf(content()));
  });

  it("changes with the size, even of a file that is all zero", async () => {
    const sums = [];
    for (const size of [0, 1, PAGE_BYTES, 2 * PAGE_BYTES]) sums.push(await checksumOf(Buffer.alloc(size)));
    expect(new Set(sums).size).toBe(4);
  });

  it("is that of the sparse file beyond 4 GiB too", async () => {
    const far = 5 * 1024 ** 3;
    const sums = [];
    for (const byte of [1, 2]) {
      await using file = await open(at(`far${byte}`), "wx");
      await file.truncate(far + PAGE_BYTES);
      await file.write(Buffer.alloc(8, byte), 0, 8, far);
      sums.push(await checksumFile(at(`far${byte}`)));
    }
    expect(sums[0]).not.toBe(sums[1]);
  });

  it("can be cut off", async () => {
    writeFileSync(at("other"), content());
    await expect(checksumFile(at("other"), AbortSignal.abort(new Error("stop")))).rejects.toThrow("stop");
  });
});
