import { access, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DiffWriter } from "./diff-writer.ts";
import { type MergeOptions, mergeMemory } from "./merge.ts";
import { PAGE_BYTES } from "./pages.ts";
import { allocatedBytes } from "./sparse.ts";
import { BASE_BYTES, makeBase } from "./testing/base-file.ts";

const BASE_ID = "5a".repeat(16);

let folder: string;
let options: MergeOptions;
let original: Buffer;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "merge-"));
  const file = (name: string): string => join(folder, name);
  options = { base: file("base"), baseId: BASE_ID, diff: file("diff"), target: file("target") };
  original = await makeBase(options.base);
  await DiffWriter.write(options.diff, { memoryBytes: BASE_BYTES, baseId: BASE_ID }, false, async (writer) => {
    writer.addPage(0, "data");
    writer.addPage(PAGE_BYTES, "zero");
    writer.addPage(500 * PAGE_BYTES, "data");
    await writer.append(Buffer.alloc(2 * PAGE_BYTES, 7));
  });
});

afterEach(() => rm(folder, { recursive: true }));

describe("merging a diff into its base", () => {
  it("makes a new file that nobody may write, and leaves the base as it is", async () => {
    await mergeMemory(options);
    const expected = Buffer.from(original);
    for (const page of [0, 500]) expected.fill(7, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
    expected.fill(0, PAGE_BYTES, 2 * PAGE_BYTES);
    expect((await readFile(options.target)).equals(expected)).toBe(true);
    expect((await readFile(options.base)).equals(original)).toBe(true);
    expect((await stat(options.target)).mode & 0o777).toBe(0o444);
  });

  it("gives back the space of a page that became zero", async () => {
    await mergeMemory(options);
    // One page became zero, one that was a hole got data.
    expect(await allocatedBytes(options.target)).toBeLessThanOrEqual(await allocatedBytes(options.base));
  });

  it("is refused for a diff of another base, and leaves no file", async () => {
    await expect(mergeMemory({ ...options, baseId: "00".repeat(16) })).rejects.toMatchObject({
      code: "snapshot_corrupt",
    });
    await expect(access(options.target)).rejects.toThrow("ENOENT");
  });

  it("leaves no file when the diff turns out to be damaged half way", async () => {
    const bytes = await readFile(options.diff);
    bytes[3] = 0;
    await writeFile(options.diff, bytes);
    await expect(mergeMemory(options)).rejects.toMatchObject({ code: "snapshot_corrupt" });
    expect((await readdir(folder)).toSorted()).toEqual(["base", "diff"]);
  });

  it("leaves no file when it is cut off", async () => {
    const signal = AbortSignal.abort(new Error("stop"));
    await expect(mergeMemory({ ...options, signal })).rejects.toThrow("stop");
    expect((await readdir(folder)).toSorted()).toEqual(["base", "diff"]);
  });

  it("leaves a file alone that is there already", async () => {
    await writeFile(options.target, "mine");
    await expect(mergeMemory(options)).rejects.toMatchObject({ code: "EEXIST" });
    expect(await readFile(options.target, "utf8")).toBe("mine");
  });
});
