import { link, mkdtemp, open, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findMemory, parseMaps } from "./mapping.ts";
import { changedPages } from "./page-map.ts";
import { PAGE_BYTES } from "./pages.ts";
import { BASE_BYTES, BASE_PAGES, makeBase } from "./testing/base-file.ts";
import { mapFile, type PrivateMapping } from "./testing/private-mapping.ts";
import { mountSmallDisk } from "./testing/small-disk.ts";
import { VmmMemory } from "./vmm-memory.ts";

let folder: string;
let base: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "page-map-"));
  base = join(folder, "memory");
  await makeBase(base);
});

afterEach(() => rm(folder, { recursive: true }));

/** Changed pages as [first, count]. */
async function changed(mapping: PrivateMapping): Promise<number[][]> {
  const runs = await changedPages(mapping.pid, await findMemory(mapping), mapping.memoryBytes);
  return runs.map(({ offset, length }) => [offset / PAGE_BYTES, length / PAGE_BYTES]);
}

describe("the changed pages of a process", () => {
  it("are none when it only reads", async () => {
    await using mapping = await mapFile(base, BASE_BYTES);
    await mapping.read();
    expect(await changed(mapping)).toEqual([]);
  });

  it("are those it wrote, whatever it wrote, until it gives them back", async () => {
    await using mapping = await mapFile(base, BASE_BYTES);
    await mapping.read();
    await mapping.fill(3, 2, 9);
    await mapping.rewrite(10, 1);
    await mapping.fill(500, 1, 0);
    await mapping.fill(BASE_PAGES - 1, 1, 1);
    expect(await changed(mapping)).toEqual([
      [3, 2],
      [10, 1],
      [500, 1],
      [BASE_PAGES - 1, 1],
    ]);
    await mapping.discard(4, 7);
    expect(await changed(mapping)).toEqual([
      [3, 1],
      [500, 1],
      [BASE_PAGES - 1, 1],
    ]);
  });

  it("are found in a mapping that the kernel split, as one run across the split", async () => {
    await using mapping = await mapFile(base, BASE_BYTES);
    await mapping.split(100, 50);
    const { ino } = await stat(base, { bigint: true });
    const lines = parseMaps(await readFile(`/proc/${mapping.pid}/maps`, "utf8")).filter(({ inode }) => inode === ino);
    expect(lines.map(({ offset }) => offset / PAGE_BYTES)).toEqual([0, 100, 150]);
    await mapping.fill(90, 100, 7);
    expect(await changed(mapping)).toEqual([[90, 100]]);
  });

  it("are found beyond 4 GiB, across many reads of the page map", async () => {
    const far = 6 * 1024 ** 3;
    await using file = await open(join(folder, "large"), "wx");
    await file.truncate(far + PAGE_BYTES);
    await using mapping = await mapFile(join(folder, "large"), far + PAGE_BYTES);
    const pages = far / PAGE_BYTES;
    // The page map is read for 32768 pages at a time.
    await mapping.fill(32_767, 2, 1);
    await mapping.fill(pages, 1, 1);
    expect(await changed(mapping)).toEqual([
      [32_767, 2],
      [pages, 1],
    ]);
  });
});

describe("the mapping of a file", () => {
  it("is known by the file, under another name and when the name it was opened by is gone", async () => {
    await using mapping = await mapFile(base, BASE_BYTES);
    const other = join(folder, "other name");
    await link(base, other);
    await rm(base);
    await mapping.fill(1, 1, 5);
    expect(await changed({ ...mapping, memoryPath: other })).toEqual([[1, 1]]);
  });

  it("is not taken for that of a file with the same content", async () => {
    await using mapping = await mapFile(base, BASE_BYTES);
    await makeBase(join(folder, "twin"));
    await expect(findMemory({ ...mapping, memoryPath: join(folder, "twin") })).rejects.toMatchObject({
      code: "vmm_failed",
      message: `the VMM process ${mapping.pid} does not map the guest memory ${folder}/twin`,
    });
  });

  it("is not taken for that of a file on another file system with the same inode number", async () => {
    await using one = await mountSmallDisk();
    await using other = await mountSmallDisk();
    const [mine, twin] = [join(one.folder, "memory"), join(other.folder, "memory")] as const;
    for (const path of [mine, twin]) {
      await writeFile(path, "");
      await truncate(path, BASE_BYTES);
    }
    expect((await stat(twin)).ino).toBe((await stat(mine)).ino);
    await using mapping = await mapFile(mine, BASE_BYTES);
    expect(await findMemory(mapping)).toBeGreaterThan(0);
    await expect(findMemory({ ...mapping, memoryPath: twin })).rejects.toMatchObject({ code: "vmm_failed" });
  });

  it("is refused when it is shared: what was written is in the file", async () => {
    await using mapping = await mapFile(base, BASE_BYTES, "shared");
    await expect(findMemory(mapping)).rejects.toMatchObject({
      code: "vmm_failed",
      message: expect.stringContaining("does not map privately"),
    });
  });

  it("is refused when it is not the whole file", async () => {
    await using mapping = await mapFile(base, BASE_BYTES / 2);
    await expect(findMemory({ ...mapping, memoryBytes: BASE_BYTES })).rejects.toMatchObject({
      code: "vmm_failed",
      message: expect.stringContaining(`maps ${BASE_BYTES / 2} instead of ${BASE_BYTES} bytes`),
    });
  });

  it("is refused when the process is gone", async () => {
    const mapping = await mapFile(base, BASE_BYTES);
    await mapping[Symbol.asyncDispose]();
    await expect(findMemory(mapping)).rejects.toMatchObject({ code: "vmm_failed" });
  });
});

describe("a process that ends", () => {
  it("is told from one whose memory is zero", async () => {
    const mapping = await mapFile(base, BASE_BYTES);
    await using memory = await VmmMemory.open(mapping, "r+");
    await mapping[Symbol.asyncDispose]();
    const page = Buffer.alloc(PAGE_BYTES);
    await expect(memory.read(0, page)).rejects.toMatchObject({ code: "vmm_failed" });
    await expect(memory.write(0, page)).rejects.toMatchObject({ code: "vmm_failed" });
    await expect(memory.changedPages()).rejects.toMatchObject({ code: "vmm_failed" });
  });
});
