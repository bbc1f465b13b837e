import { createHash } from "node:crypto";
import { access, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Captured, captureDiff } from "./capture.ts";
import { mergeMemory } from "./merge.ts";
import { PAGE_BYTES } from "./pages.ts";
import { applyDiff } from "./restore.ts";
import { allocatedBytes } from "./sparse.ts";
import { BASE_BYTES, BASE_DATA, makeBase } from "./testing/base-file.ts";
import { mapFile, type PrivateMapping } from "./testing/private-mapping.ts";
import { mountSmallDisk } from "./testing/small-disk.ts";

const BASE_ID = "0f".repeat(16);
/** a page in each part of the base */
const DATA = BASE_DATA[0][0] + 20;
const HOLE = BASE_DATA[0][1] + 20;

let folder: string;
let base: string;
let diff: string;
let original: Buffer;

beforeEach(async () => {
  // On a disk: tmpfs gives a hole that is only read a page, so that it is a hole no more.
  folder = await mkdtemp("/var/tmp/capture-");
  base = join(folder, "memory");
  diff = join(folder, "memory.diff");
  original = await makeBase(base);
});

afterEach(async () => {
  expect(digest(await readFile(base)), "the base stays as it is").toBe(digest(original));
  await rm(folder, { recursive: true });
});

/** Contents are compared by digest: a difference of two buffers of MiBs is of no use to a reader. */
function digest(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function capture(mapping: PrivateMapping, target = diff): Promise<Captured> {
  const { pid, memoryPath, memoryBytes } = mapping;
  return captureDiff({ pid, memoryPath, memoryBytes, baseId: BASE_ID, target });
}

/** The memory of a fresh process after the diff was applied. */
async function restored(): Promise<Buffer> {
  await using fresh = await mapFile(base, BASE_BYTES);
  await applyDiff({ pid: fresh.pid, memoryPath: base, memoryBytes: BASE_BYTES, baseId: BASE_ID, diffPath: diff });
  return await fresh.read();
}

/** Changes of every kind, with their outcome in `expected`. */
async function changeAll(mapping: PrivateMapping): Promise<Buffer> {
  const expected = Buffer.from(original);
  const fill = async (page: number, pages: number, byte: number): Promise<void> => {
    await mapping.fill(page, pages, byte);
    expected.fill(byte, page * PAGE_BYTES, (page + pages) * PAGE_BYTES);
  };
  await mapping.split(40, 30);
  await fill(0, 1, 1);
  await fill(30, 20, 2);
  await fill(35, 5, 0);
  await fill(BASE_DATA[0][1] - 4, 8, 0);
  await fill(HOLE, 3, 0);
  for (let page = 600; page < 1000; page += 2) await fill(page, 1, page & 0xff);
  await fill(1050, 900, 3);
  await fill(2047, 1, 4);
  await mapping.fill(70, 4, 9);
  await mapping.discard(70, 4);
  return expected;
}

describe("capturing the memory of a process", () => {
  it("stores nothing when nothing was written", async () => {
    await using mapping = await mapFile(base, BASE_BYTES);
    await mapping.read();
    expect(await capture(mapping)).toMatchObject({ dirtyBytes: 0, dataBytes: 0, zeroBytes: 0, droppedBytes: 0 });
    expect(digest(await restored())).toBe(digest(original));
  });

  it("gives a fresh process exactly the same memory", async () => {
    await using mapping = await mapFile(base, BASE_BYTES);
    const expected = await changeAll(mapping);
    await capture(mapping);
    expect(digest(await mapping.read()), "the captured process goes on with what it had").toBe(digest(expected));
    expect(digest(await restored())).toBe(digest(expected));
  });

  it("can be done again from the process that it was restored into", async () => {
    await using first = await mapFile(base, BASE_BYTES);
    const expected = await changeAll(first);
    await capture(first);
    await using second = await mapFile(base, BASE_BYTES);
    await applyDiff({ ...second, baseId: BASE_ID, diffPath: diff });
    await second.fill(HOLE, 1, 8);
    expected.fill(8, HOLE * PAGE_BYTES, (HOLE + 1) * PAGE_BYTES);
    await rm(diff);
    await capture(second);
    expect(digest(await restored())).toBe(digest(expected));
  });

  it("stores a page that was written with what it held", async () => {
    await using mapping = await mapFile(base, BASE_BYTES);
    await mapping.rewrite(DATA, 1);
    expect(await capture(mapping)).toMatchObject({ dirtyBytes: PAGE_BYTES, dataBytes: PAGE_BYTES });
  });

  it("records a page that was zeroed where the base has data, without storing it", async () => {
    await using mapping = await mapFile(base, BASE_BYTES);
    await mapping.fill(DATA, 2, 0);
    expect(await capture(mapping)).toMatchObject({ dataBytes: 0, zeroBytes: 2 * PAGE_BYTES, droppedBytes: 0 });
    const memory = await restored();
    const zeroed = memory.subarray(DATA * PAGE_BYTES, (DATA + 2) * PAGE_BYTES);
    expect(zeroed.equals(Buffer.alloc(2 * PAGE_BYTES))).toBe(true);
  });

  it("spends nothing on a page that was zeroed where the base has a hole", async () => {
    await using mapping = await mapFile(base, BASE_BYTES);
    await capture(mapping);
    const { size } = await stat(diff);
    await rm(diff);
    await mapping.fill(HOLE, 500, 0);
    expect(await capture(mapping)).toMatchObject({ dataBytes: 0, zeroBytes: 0, droppedBytes: 500 * PAGE_BYTES });
    expect((await stat(diff)).size).toBe(size);
  });

  it("takes a page that was given back from the base again", async () => {
    await using mapping = await mapFile(base, BASE_BYTES);
    await mapping.fill(DATA, 4, 5);
    await mapping.discard(DATA, 4);
    expect(await capture(mapping)).toMatchObject({ dirtyBytes: 0 });
    expect(digest(await restored())).toBe(digest(original));
  });

  it("makes a file that only its owner can read, and does not touch one that is there", async () => {
    await using mapping = await mapFile(base, BASE_BYTES);
    await capture(mapping);
    expect((await stat(diff)).mode & 0o777).toBe(0o600);
    await writeFile(diff, "mine");
    await expect(capture(mapping)).rejects.toMatchObject({ code: "EEXIST" });
    expect(await readFile(diff, "utf8")).toBe("mine");
  });

  it("throws the error of a full disk as it is, and takes no space of it", async () => {
    await using mapping = await mapFile(base, BASE_BYTES);
    await mapping.fill(DATA, 100, 5);
    await using small = await mountSmallDisk();
    await expect(capture(mapping, `${small.folder}/memory.diff`)).rejects.toMatchObject({ code: "ENOSPC" });
    expect(await readdir(small.folder)).toEqual([]);
  });

  it("leaves no file when it is cut off", async () => {
    await using mapping = await mapFile(base, BASE_BYTES);
    await mapping.fill(DATA, 1, 5);
    const signal = AbortSignal.abort(new Error("stop"));
    await expect(captureDiff({ ...mapping, baseId: BASE_ID, target: diff, signal })).rejects.toThrow("stop");
    await expect(access(diff)).rejects.toThrow("ENOENT");
  });

  it("is refused when the guest has another size than the base", async () => {
    await using mapping = await mapFile(base, BASE_BYTES);
    const options = { ...mapping, memoryBytes: 2 * BASE_BYTES, baseId: BASE_ID, target: diff };
    await expect(captureDiff(options)).rejects.toMatchObject({ code: "snapshot_corrupt" });
  });
});

describe("merging what was captured", () => {
  it("gives a new base that holds exactly the memory, in no more space than its data", async () => {
    await using mapping = await mapFile(base, BASE_BYTES);
    const expected = await changeAll(mapping);
    await capture(mapping);
    const target = join(folder, "merged");
    await mergeMemory({ base, baseId: BASE_ID, diff, target });
    expect(digest(await readFile(target))).toBe(digest(expected));
    let dataPages = 0;
    for (let at = 0; at < BASE_BYTES; at += PAGE_BYTES)
      if (expected.subarray(at, at + PAGE_BYTES).some(Boolean)) dataPages++;
    // A file system may take a few blocks for itself.
    expect(await allocatedBytes(target)).toBeLessThanOrEqual((dataPages + 16) * PAGE_BYTES);
  });

  it("throws the error of a full disk as it is, and takes no space of it", async () => {
    await using mapping = await mapFile(base, BASE_BYTES);
    await capture(mapping);
    await using small = await mountSmallDisk();
    const merging = mergeMemory({ base, baseId: BASE_ID, diff, target: `${small.folder}/merged` });
    await expect(merging).rejects.toMatchObject({ code: "ENOSPC" });
    expect(await readdir(small.folder)).toEqual([]);
  });

  it("makes a base that processes map and that is captured from in turn", async () => {
    await using mapping = await mapFile(base, BASE_BYTES);
    const expected = await changeAll(mapping);
    await capture(mapping);
    const target = join(folder, "merged");
    await mergeMemory({ base, baseId: BASE_ID, diff, target });
    await using child = await mapFile(target, BASE_BYTES);
    await child.fill(0, 1, 0);
    expected.fill(0, 0, PAGE_BYTES);
    const next = join(folder, "next.diff");
    expect(await capture(child, next)).toMatchObject({ zeroBytes: PAGE_BYTES, dirtyBytes: PAGE_BYTES });
    expect(digest(await child.read())).toBe(digest(expected));
  });
});

describe("applying a diff", () => {
  async function captured(): Promise<void> {
    await using mapping = await mapFile(base, BASE_BYTES);
    await changeAll(mapping);
    await capture(mapping);
  }

  it.each([
    ["a byte of its data differs", (bytes: Buffer) => void (bytes[5] = (bytes[5] ?? 0) ^ 1)],
    ["its end is damaged", (bytes: Buffer) => void bytes.fill(0, bytes.length - 70)],
  ])("is refused when %s", async (_what, damage) => {
    await captured();
    const bytes = await readFile(diff);
    damage(bytes);
    await writeFile(diff, bytes);
    await expect(restored()).rejects.toMatchObject({ code: "snapshot_corrupt" });
  });

  it("is refused when the file was cut short", async () => {
    await captured();
    await truncate(diff, (await stat(diff)).size - 1);
    await expect(restored()).rejects.toMatchObject({ code: "snapshot_corrupt" });
  });

  it("is refused for another base, and for a process that does not map the base", async () => {
    await captured();
    await using fresh = await mapFile(base, BASE_BYTES);
    const options = { ...fresh, baseId: BASE_ID, diffPath: diff };
    const other = applyDiff({ ...options, baseId: "aa".repeat(16) });
    await expect(other).rejects.toMatchObject({ code: "snapshot_corrupt" });
    await expect(applyDiff({ ...options, pid: process.pid })).rejects.toMatchObject({ code: "vmm_failed" });
    expect(digest(await fresh.read())).toBe(digest(original));
  });
});
