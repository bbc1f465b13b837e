import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { publishDirectory, readJson, readOrMakeFile, writeFileAtomic } from "./atomic-file.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "atomic-"));
});
afterEach(() => rm(dir, { recursive: true }));

it("replaces a file and leaves nothing beside it", async () => {
  await writeFileAtomic(join(dir, "a"), "one");
  await writeFileAtomic(join(dir, "a"), "two", 0o644);
  expect(await readFile(join(dir, "a"), "utf8")).toBe("two");
  expect(await readdir(dir)).toEqual(["a"]);
  expect((await stat(join(dir, "a"))).mode & 0o777).toBe(0o644);
});

it("leaves the old file when the new one cannot be put in its place", async () => {
  await publishDirectory(join(dir, "folder"), (path) => writeFile(join(path, "x"), "1"));
  await expect(writeFileAtomic(join(dir, "folder"), "text")).rejects.toThrow();
  expect(await readdir(dir)).toEqual(["folder"]);
});

it("reads a missing file as undefined and a damaged one as an error", async () => {
  expect(await readJson(join(dir, "none"))).toBeUndefined();
  await writeFile(join(dir, "bad"), '{"a":');
  await expect(readJson(join(dir, "bad"))).rejects.toThrow(SyntaxError);
});

it("publishes a folder whole or not at all, and never changes a published one", async () => {
  const target = join(dir, "t");
  const cutOff = publishDirectory(target, async (path) => {
    await writeFile(join(path, "x"), "half");
    throw new Error("cut off");
  });
  await expect(cutOff).rejects.toThrow("cut off");
  expect(await readdir(dir)).toEqual([]);

  await publishDirectory(target, (path) => writeFile(join(path, "x"), "first"));
  await publishDirectory(target, (path) => writeFile(join(path, "x"), "second"));
  expect(await readFile(join(target, "x"), "utf8")).toBe("first");
  expect(await readdir(dir)).toEqual(["t"]);
});

it("makes a file once for all who miss it at the same time, and keeps what is there", async () => {
  const path = join(dir, "kept");
  let made = 0;
  const texts = await Promise.all(Array.from({ length: 20 }, () => readOrMakeFile(path, () => `text ${++made}`)));
  expect(new Set(texts)).toEqual(new Set([await readFile(path, "utf8")]));
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(dir)).toEqual(["kept"]);
  expect(await readOrMakeFile(path, () => "another")).toBe(texts[0]);
});
