import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { copySparse } from "./copy-sparse.ts";
import { PAGE_BYTES } from "./pages.ts";
import { allocatedBytes, DataPages, nextData, punchHole } from "./sparse.ts";

const GIB = 1024 ** 3;
const SIZE = 6 * GIB;
/** behind what 32 bits can address */
const FAR = 5 * GIB;

let folder: string;
let path: string;
let fd: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sparse-"));
  path = join(folder, "memory");
  const file = await open(path, "wx");
  await file.truncate(SIZE);
  await file.write(Buffer.alloc(2 * PAGE_BYTES, 1), 0, 2 * PAGE_BYTES, PAGE_BYTES);
  await file.write(Buffer.alloc(PAGE_BYTES, 2), 0, PAGE_BYTES, FAR);
  await file.close();
  fd = openSync(path, "r+");
});

afterEach(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

describe("a sparse file", () => {
  it("tells where its data is, beyond 4 GiB too", () => {
    expect(nextData(fd, 0)).toEqual({ start: PAGE_BYTES, end: 3 * PAGE_BYTES });
    expect(nextData(fd, 2 * PAGE_BYTES)).toEqual({ start: 2 * PAGE_BYTES, end: 3 * PAGE_BYTES });
    expect(nextData(fd, 3 * PAGE_BYTES)).toEqual({ start: FAR, end: FAR + PAGE_BYTES });
    expect(nextData(fd, FAR + PAGE_BYTES)).toBeUndefined();
    expect(nextData(fd, SIZE)).toBeUndefined();
  });

  it("tells which pages hold data, asked in ascending order with gaps", () => {
    const pages = new DataPages(fd);
    const asked = [0, 1, 2, 3, 4, 1000].map((page) => pages.has(page * PAGE_BYTES));
    expect(asked).toEqual([false, true, true, false, false, false]);
    expect(pages.has(FAR)).toBe(true);
    expect(pages.has(FAR + PAGE_BYTES)).toBe(false);
    expect(pages.has(SIZE - PAGE_BYTES)).toBe(false);
  });

  it("gives blocks back where a hole is punched, and keeps its size", async () => {
    const before = await allocatedBytes(path);
    punchHole(fd, FAR, PAGE_BYTES);
    expect(await allocatedBytes(path)).toBe(before - PAGE_BYTES);
    expect(nextData(fd, 3 * PAGE_BYTES)).toBeUndefined();
    await using file = await open(path, "r");
    expect((await file.stat()).size).toBe(SIZE);
    const { buffer } = await file.read(Buffer.alloc(PAGE_BYTES, 9), 0, PAGE_BYTES, FAR);
    expect(buffer).toEqual(Buffer.alloc(PAGE_BYTES));
  });

  it("fails with the code of the system, as node:fs does", () => {
    const readOnly = openSync(path, "r");
    expect(() => punchHole(readOnly, 0, PAGE_BYTES)).toThrow(expect.objectContaining({ code: "EBADF" }));
    closeSync(readOnly);
    expect(() => nextData(-1, 0)).toThrow(expect.objectContaining({ code: "EBADF", syscall: "lseek" }));
  });
});

describe("a copy of a sparse file", () => {
  it("holds the same, and takes no more space", async () => {
    const copy = join(folder, "copy");
    await copySparse(path, copy);
    expect(await allocatedBytes(copy)).toBe(await allocatedBytes(path));
    await using file = await open(copy, "r");
    expect((await file.stat()).size).toBe(SIZE);
    const start = Buffer.concat([Buffer.alloc(PAGE_BYTES), Buffer.alloc(2 * PAGE_BYTES, 1), Buffer.alloc(PAGE_BYTES)]);
    expect((await file.read(Buffer.alloc(4 * PAGE_BYTES), 0, 4 * PAGE_BYTES, 0)).buffer).toEqual(start);
    expect((await file.read(Buffer.alloc(PAGE_BYTES), 0, PAGE_BYTES, FAR)).buffer).toEqual(Buffer.alloc(PAGE_BYTES, 2));
  });

  it("leaves a file alone that is there already", async () => {
    const copy = join(folder, "copy");
    writeFileSync(copy, "mine");
    await expect(copySparse(path, copy)).rejects.toMatchObject({ code: "EEXIST" });
    expect(readFileSync(copy, "utf8")).toBe("mine");
  });

  it("leaves nothing behind when it is cut off", async () => {
    const copy = join(folder, "copy");
    await expect(copySparse(path, copy, AbortSignal.abort(new Error("stop")))).rejects.toThrow("stop");
    await expect(open(copy)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("does not hide that there is nothing to copy", async () => {
    await expect(copySparse(join(folder, "none"), join(folder, "copy"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});
