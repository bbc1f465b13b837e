import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasCode } from "@wrenn/protocol/errors";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FOOTER_BYTES } from "./diff-format.ts";
import { DiffReader } from "./diff-reader.ts";
import { DiffWriter } from "./diff-writer.ts";
import { PAGE_BYTES } from "./pages.ts";

const TARGET = { memoryBytes: 5 * 1024 ** 3, baseId: "0123456789abcdef".repeat(2) };

let folder: string;
let path: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "diff-"));
  path = join(folder, "memory.diff");
});

afterAll(() => rmSync(folder, { recursive: true }));

function page(number: number): Buffer {
  return Buffer.from(Array.from({ length: PAGE_BYTES }, (_, i) => (number * 7 + i * (number + 3)) & 0xff));
}

/** Writes data pages of `page(number)` at the numbers given, and zero pages. `sizes` are the bytes appended at a time. */
async function writeDiff(name: string, data: readonly number[], zeros: readonly number[], size: number): Promise<void> {
  await DiffWriter.write(join(folder, name), TARGET, false, async (writer) => {
    for (const number of [...data, ...zeros].toSorted((a, b) => a - b)) {
      writer.addPage(number * PAGE_BYTES, data.includes(number) ? "data" : "zero");
    }
    const bytes = Buffer.concat(data.map(page));
    for (let at = 0; at < bytes.length; at += size) await writer.append(bytes.subarray(at, at + size));
  });
}

/** What a reader would do to memory: each page by its number. */
async function readPages(file: string): Promise<Map<number, Buffer>> {
  await using diff = await DiffReader.open(file, TARGET);
  const pages = new Map<number, Buffer>();
  for await (const writes of diff.data()) {
    for (const { offset, bytes } of writes) {
      for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
        pages.set((offset + at) / PAGE_BYTES, Buffer.from(bytes.subarray(at, at + PAGE_BYTES)));
      }
    }
  }
  for (const { offset, length } of diff.zeroRanges) {
    for (let at = 0; at < length; at += PAGE_BYTES) pages.set((offset + at) / PAGE_BYTES, Buffer.alloc(PAGE_BYTES));
  }
  return pages;
}

describe("a memory diff on disk", () => {
  it("gives back every page at its place, over many blocks, however its data came", async () => {
    const data = Array.from({ length: 700 }, (_, i) => (i < 400 ? i : 1_200_000 + i * 2));
    const zeros = [500, 501, 1_300_000];
    for (const [i, size] of [PAGE_BYTES, 3 * PAGE_BYTES, 5 * 1024 * 1024].entries()) {
      await writeDiff(`many${i}`, data, zeros, size);
      const pages = await readPages(join(folder, `many${i}`));
      expect([...pages.keys()].toSorted((a, b) => a - b)).toEqual([...data, ...zeros].toSorted((a, b) => a - b));
      for (const number of data) expect(pages.get(number)?.equals(page(number))).toBe(true);
    }
    expect(readFileSync(join(folder, "many0")).equals(readFileSync(join(folder, "many2")))).toBe(true);
  });

  it("is empty for a guest that changed nothing", async () => {
    await writeDiff("empty", [], [], PAGE_BYTES);
    expect((await readPages(join(folder, "empty"))).size).toBe(0);
  });

  it("is refused when it does not exist, or belongs to another base", async () => {
    await expect(DiffReader.open(join(folder, "none"), TARGET)).rejects.toMatchObject({ code: "snapshot_missing" });
    await writeDiff("mine", [1], [], PAGE_BYTES);
    const other = { ...TARGET, baseId: "f".repeat(32) };
    await expect(DiffReader.open(join(folder, "mine"), other)).rejects.toMatchObject({ code: "snapshot_corrupt" });
  });

  it("hands out the blocks before a damaged one and not that one", async () => {
    await writeDiff(
      "late",
      Array.from({ length: 600 }, (_, i) => i),
      [],
      PAGE_BYTES,
    );
    const bytes = readFileSync(join(folder, "late"));
    const damaged = 300 * PAGE_BYTES;
    bytes[damaged] = (bytes[damaged] ?? 0) ^ 1;
    writeFileSync(join(folder, "late"), bytes);
    await using diff = await DiffReader.open(join(folder, "late"), TARGET);
    const handed: number[] = [];
    const read = async (): Promise<void> => {
      for await (const writes of diff.data()) handed.push(...writes.map(({ offset }) => offset));
    };
    await expect(read()).rejects.toMatchObject({ code: "snapshot_corrupt" });
    expect(handed).toEqual([0]);
  });
});

describe("writing a memory diff", () => {
  it("leaves a file alone that is there already", async () => {
    writeFileSync(path, "mine");
    await expect(DiffWriter.write(path, TARGET, false, async () => {})).rejects.toMatchObject({ code: "EEXIST" });
    expect(readFileSync(path, "utf8")).toBe("mine");
    rmSync(path);
  });

  it("leaves nothing behind when it fails, and throws what was thrown", async () => {
    const full = Object.assign(new Error("full"), { code: "ENOSPC" });
    const failing = DiffWriter.write(path, TARGET, false, async (writer) => {
      writer.addPage(0, "data");
      await writer.append(page(1));
      throw full;
    });
    await expect(failing).rejects.toBe(full);
    expect(() => readFileSync(path)).toThrow("ENOENT");
  });
});

/** A generator of numbers that is the same every time. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe("a memory diff that was damaged", () => {
  const DATA = [0, 1, 5, 9, 1_200_000];
  let good: Buffer;
  let original: Map<number, Buffer>;

  beforeAll(async () => {
    await writeDiff("good", DATA, [2, 3, 70], PAGE_BYTES);
    good = readFileSync(join(folder, "good"));
    original = await readPages(join(folder, "good"));
  });

  /** The code it is refused with, or "accepted" when it gives exactly what was written. */
  async function outcome(bytes: Buffer): Promise<string> {
    const file = join(folder, "damaged");
    writeFileSync(file, bytes);
    try {
      expect(await readPages(file)).toEqual(original);
      return "accepted";
    } catch (error) {
      if (hasCode(error, "snapshot_corrupt", "snapshot_incompatible")) return error.code;
      throw error;
    }
  }

  it("is refused with any bit of table and footer turned over", async () => {
    const tableStart = DATA.length * PAGE_BYTES;
    const outcomes = new Set<string>();
    for (let bit = tableStart * 8; bit < good.length * 8; bit++) {
      const bytes = Buffer.from(good);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      outcomes.add(await outcome(bytes));
    }
    expect([...outcomes].toSorted()).toEqual(["snapshot_corrupt", "snapshot_incompatible"]);
  });

  it("is refused when cut anywhere, or with anything behind it", async () => {
    const next = random(1);
    const lengths = [0, 1, PAGE_BYTES, good.length - FOOTER_BYTES, good.length - 1];
    for (let i = 0; i < 300; i++) lengths.push(next(good.length));
    for (const length of lengths) expect(await outcome(good.subarray(0, length))).toBe("snapshot_corrupt");
    expect(await outcome(Buffer.concat([good, Buffer.alloc(1)]))).toBe("snapshot_corrupt");
    expect(await outcome(Buffer.concat([good, good]))).toBe("snapshot_corrupt");
    // A file whose end came to disk, and whose start did not.
    expect(await outcome(Buffer.concat([Buffer.alloc(PAGE_BYTES), good.subarray(PAGE_BYTES)]))).toBe(
      "snapshot_corrupt",
    );
  });

  it("is refused, or gives exactly what was written, after any change", async () => {
    const next = random(2);
    let refused = 0;
    for (let i = 0; i < 1000; i++) {
      const bytes = Buffer.from(good);
      const start = next(bytes.length);
      const end = Math.min(bytes.length, start + 1 + next(i % 2 === 0 ? 8 : 6000));
      for (let at = start; at < end; at++) bytes[at] = i % 3 === 0 ? 0 : next(256);
      if ((await outcome(bytes)) !== "accepted") refused += 1;
    }
    expect(refused).toBeGreaterThan(900);
  });
});
