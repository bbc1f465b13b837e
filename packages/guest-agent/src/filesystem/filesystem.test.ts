import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { FileType } from "@wrenn/protocol/gen/filesystem_pb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bytePath } from "../system/byte-path.ts";
import { ownersOf } from "../system/owners.ts";
import { type AgentFixture, startAgent } from "../testing/agent-fixture.ts";
import { filesystemClient } from "../testing/filesystem-client.ts";
import { fuzz } from "../testing/fuzz.ts";
import { walk } from "./walk.ts";

let fixture: AgentFixture;
let client: ReturnType<typeof filesystemClient>;
beforeEach(async () => {
  fixture = await startAgent();
  client = filesystemClient(fixture.url);
});
afterEach(() => fixture[Symbol.asyncDispose]());

const local = (path: string) => join(fixture.root, path);

async function codeOf(call: Promise<unknown>): Promise<Code | "ok"> {
  return call.then(
    () => "ok" as const,
    (error: unknown) => ConnectError.from(error).code,
  );
}

describe("Stat", () => {
  it.each(["binary", "json"] as const)("describes a file in %s", async (format) => {
    writeFileSync(local("file.txt"), "12345");
    chmodSync(local("file.txt"), 0o640);
    utimesSync(local("file.txt"), 0, 1_700_000_000.5);
    const { entry } = await filesystemClient(fixture.url, { format }).stat({ path: "~/file.txt" });
    expect(entry).toMatchObject({
      name: "file.txt",
      type: FileType.FILE,
      path: local("file.txt"),
      size: 5n,
      mode: 0o640,
      permissions: "-rw-r-----",
      owner: "root",
      group: "root",
      isSymlink: false,
      metadata: {},
    });
    expect(entry?.symlinkTarget).toBeUndefined();
    expect(entry?.modifiedTime && timestampDate(entry.modifiedTime).getTime()).toBe(1_700_000_000_500);
  });

  it("describes the largest file that there can be", async () => {
    // A file system in memory holds them, as holes.
    const folder = mkdtempSync("/dev/shm/wrenn-test-");
    try {
      execFileSync("truncate", ["-s", `${2n ** 63n - 1n}`, join(folder, "f")]);
      const { entries } = await client.listDir({ path: folder });
      expect(entries.map(({ name, size }) => [name, size])).toEqual([["f", 2n ** 63n - 1n]]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("describes folders, the root among them, and special bits", async () => {
    mkdirSync(local("folder"));
    chmodSync(local("folder"), 0o1777);
    const { entry } = await client.stat({ path: "folder" });
    expect(entry).toMatchObject({ type: FileType.DIRECTORY, mode: 0o1777, permissions: "dtrwxrwxrwx" });
    expect((await client.stat({ path: "/" })).entry).toMatchObject({ name: "/", path: "/", type: FileType.DIRECTORY });
  });

  it("describes a link by what it leads to, through all links on the way", async () => {
    mkdirSync(local("target"), { mode: 0o750 });
    symlinkSync("target", local("first"));
    symlinkSync("first", local("second"));
    expect((await client.stat({ path: "second" })).entry).toMatchObject({
      name: "second",
      path: local("second"),
      type: FileType.DIRECTORY,
      mode: 0o750,
      permissions: "Lrwxrwxrwx",
      isSymlink: true,
      symlinkTarget: local("target"),
    });
  });

  it("calls everything else a file", async () => {
    execFileSync("mkfifo", [local("fifo")]);
    symlinkSync("nowhere", local("broken"));
    symlinkSync("loop", local("loop"));
    const listener = createServer().listen(local("socket"));
    await once(listener, "listening");
    for (const path of ["fifo", "broken", "loop", "socket", "/dev/null"]) {
      expect((await client.stat({ path })).entry?.type).toBe(FileType.FILE);
    }
    expect((await client.stat({ path: "broken" })).entry?.symlinkTarget).toBe("nowhere");
    expect((await client.stat({ path: "/dev/null" })).entry?.permissions).toBe("Dcrw-rw-rw-");
    listener.close();
  });

  it.each([
    ["missing", Code.NotFound],
    ["etc/passwd/x", Code.InvalidArgument],
    ["", Code.InvalidArgument],
    ["a\0b", Code.InvalidArgument],
    ["x".repeat(256), Code.InvalidArgument],
    [`${"x/".repeat(3000)}x`, Code.InvalidArgument],
    ["loop/x", Code.InvalidArgument],
  ])("refuses %j", async (path, code) => {
    symlinkSync("loop", local("loop"));
    expect(await codeOf(client.stat({ path }))).toBe(code);
  });

  it("does not know an unknown user", async () => {
    const stranger = filesystemClient(fixture.url, { user: "nobody-here" });
    expect(await codeOf(stranger.stat({ path: "/" }))).toBe(Code.Unauthenticated);
    expect(await codeOf(filesystemClient(fixture.url, { user: "root" }).stat({ path: "/" }))).toBe("ok");
  });

  it(
    "answers any path",
    fuzz(300, async (random) => {
      const pieces = ["/", "..", ".", "~", "etc", "passwd", "\0", "\ud800", "\u00e4", " ", "\n", "x".repeat(200)];
      const code = await codeOf(client.stat({ path: random.join(pieces, 30) }));
      expect(["ok", Code.NotFound, Code.InvalidArgument]).toContain(code);
    }),
  );
});

describe("MakeDir", () => {
  it("makes the folder and those above it", async () => {
    const { entry } = await client.makeDir({ path: "a/b/c" });
    expect(entry).toMatchObject({ path: local("a/b/c"), type: FileType.DIRECTORY, mode: 0o755 });
    expect(lstatSync(local("a/b/c")).isDirectory()).toBe(true);
  });

  it.each([
    ["a folder", "etc", Code.AlreadyExists],
    ["a link to a folder", "link", Code.AlreadyExists],
    ["the root", "/", Code.AlreadyExists],
    ["a file", "etc/passwd", Code.InvalidArgument],
    ["a path through a file", "etc/passwd/x", Code.InvalidArgument],
    ["a link to nothing", "broken", Code.NotFound],
    ["a path through a link to nothing", "broken/x", Code.NotFound],
  ])("refuses %s", async (_what, path, code) => {
    symlinkSync("etc", local("link"));
    symlinkSync("nothing", local("broken"));
    expect(await codeOf(client.makeDir({ path }))).toBe(code);
  });
});

describe("Move", () => {
  it("moves files and folders, makes folders above, and replaces files", async () => {
    writeFileSync(local("a"), "new");
    writeFileSync(local("b"), "old");
    expect((await client.move({ source: "a", destination: "b" })).entry?.path).toBe(local("b"));
    expect(readFileSync(local("b"), "utf8")).toBe("new");
    mkdirSync(local("folder"));
    await client.move({ source: "b", destination: "folder/b" });
    await client.move({ source: "folder", destination: "x/y/folder" });
    expect(readFileSync(local("x/y/folder/b"), "utf8")).toBe("new");
  });

  it("moves a link, not what it leads to", async () => {
    symlinkSync("etc", local("link"));
    await client.move({ source: "link", destination: "moved" });
    expect(lstatSync(local("moved")).isSymbolicLink()).toBe(true);
  });

  it.each([
    ["what is not there", "missing", "x", Code.NotFound],
    ["a folder onto one with something in it", "full", "etc", Code.AlreadyExists],
    ["a folder onto a file", "full", "etc/passwd", Code.InvalidArgument],
    ["a file onto a folder", "etc/passwd", "full", Code.InvalidArgument],
    ["a folder into itself", "full", "full/deep/x", Code.InvalidArgument],
    ["to another file system", "full", "/proc/self/x", Code.InvalidArgument],
  ])("refuses to move %s", async (_what, source, destination, code) => {
    mkdirSync(local("full"));
    writeFileSync(local("full/file"), "");
    expect(await codeOf(client.move({ source, destination }))).toBe(code);
    expect(existsSync(local("full/file"))).toBe(true);
  });
});

describe("ListDir", () => {
  async function names(path: string, depth = 1): Promise<string[]> {
    const { entries } = await client.listDir({ path, depth });
    return entries.map((entry) => entry.path.slice(fixture.root.length + 1));
  }

  it("lists each folder before what is in it, sorted by name, as deep as asked for", async () => {
    mkdirSync(local("d/b/deep/deeper"), { recursive: true });
    for (const path of ["d/a", "d/B", "d/c", "d/b/x", "d/b-", "d/ä"]) writeFileSync(local(path), "");
    expect(await names("d")).toEqual(["d/B", "d/a", "d/b", "d/b-", "d/c", "d/ä"]);
    expect(await names("d", 0)).toEqual(await names("d"));
    expect(await names("d", 2)).toEqual(["d/B", "d/a", "d/b", "d/b/deep", "d/b/x", "d/b-", "d/c", "d/ä"]);
    expect(await names("d", 4_294_967_295)).toContain("d/b/deep/deeper");
  });

  it("lists what a link leads to under the link's name, and follows no links in it", async () => {
    mkdirSync(local("d/sub"), { recursive: true });
    symlinkSync("..", local("d/sub/up"));
    symlinkSync("d", local("link"));
    expect(await names("link", 10)).toEqual(["link/sub", "link/sub/up"]);
  });

  it("shows names that are not UTF-8, and can list what is in them", async () => {
    mkdirSync(local("d"));
    mkdirSync(Buffer.concat([Buffer.from(local("d/")), Buffer.from([0x66, 0xff])]));
    writeFileSync(Buffer.concat([Buffer.from(local("d/")), Buffer.from([0x66, 0xff, 0x2f, 0xfe])]), "12");
    const { entries } = await client.listDir({ path: "d", depth: 2 });
    expect(entries.map(({ name, size, type }) => [name, type === FileType.FILE && size])).toEqual([
      ["f\ufffd", false],
      ["\ufffd", 2n],
    ]);
  });

  it("lists trees that are deeper than a path can be long, as far as paths reach", async () => {
    deepTree(local("deep"), 300, 30);
    const { entries } = await client.listDir({ path: "deep", depth: 1000 });
    expect(entries.length).toBeGreaterThan(100);
    expect(entries.length).toBeLessThan(300);
  });

  it.each([
    ["missing", Code.NotFound],
    ["etc/passwd", Code.InvalidArgument],
    ["fifo", Code.InvalidArgument],
    ["loop", Code.InvalidArgument],
  ])("refuses %s", async (path, code) => {
    execFileSync("mkfifo", [local("fifo")]);
    symlinkSync("loop", local("loop"));
    expect(await codeOf(client.listDir({ path }))).toBe(code);
  });

  it("lists large folders, and answers others meanwhile", async () => {
    mkdirSync(local("many"));
    writeFileSync(local("many/original"), "");
    for (let index = 0; index < 5000; index += 1) linkSync(local("many/original"), local(`many/${index}`));
    const listing = client.listDir({ path: "many" });
    expect(await answersUntil(listing)).toBeGreaterThan(1);
    expect((await listing).entries).toHaveLength(5001);
  }, 60_000);

  it("says so when there is more than an answer may have", () => {
    for (const path of ["d/a", "d/b/c"]) mkdirSync(local(path), { recursive: true });
    const list = (maxEntries: number) => {
      const steps = walk(bytePath(fixture.root), { depth: 2, maxEntries, owners: ownersOf(fixture.root)() });
      for (;;) {
        const step = steps.next();
        if (step.done) return step.value.length;
      }
    };
    // d, etc, home, run; a and b, group and passwd, wrenn
    expect(list(9)).toBe(9);
    expect(() => list(8)).toThrow("has more than 8 entries: list its folders one by one");
  });
});

describe("Remove", () => {
  it("removes files, links, folders with all that is in them, and what is not there", async () => {
    mkdirSync(local("d/sub"), { recursive: true });
    writeFileSync(local("d/sub/file"), "");
    writeFileSync(local("kept"), "");
    symlinkSync("../kept", local("d/link"));
    symlinkSync("../etc", local("d/folder-link"));
    execFileSync("mkfifo", [local("d/fifo")]);
    await client.remove({ path: "d" });
    await client.remove({ path: "d" });
    expect(existsSync(local("d"))).toBe(false);
    expect(existsSync(local("kept")) && existsSync(local("etc/passwd"))).toBe(true);
    symlinkSync("etc", local("link"));
    await client.remove({ path: "link" });
    expect(existsSync(local("etc/passwd"))).toBe(true);
  });

  it("removes names that are not UTF-8", async () => {
    mkdirSync(local("d"));
    mkdirSync(Buffer.concat([Buffer.from(local("d/")), Buffer.from([0xff])]));
    await client.remove({ path: "d" });
    expect(existsSync(local("d"))).toBe(false);
  });

  it("removes trees that are deeper than a path can be long", async () => {
    deepTree(local("deep"), 300, 30);
    await client.remove({ path: "deep" });
    expect(existsSync(local("deep"))).toBe(false);
  });

  it("removes large folders, and answers others meanwhile", async () => {
    mkdirSync(local("many"));
    for (let index = 0; index < 5000; index += 1) writeFileSync(local(`many/${index}`), "");
    const removal = client.remove({ path: "many" });
    expect(await answersUntil(removal)).toBeGreaterThan(1);
    expect(existsSync(local("many"))).toBe(false);
  }, 60_000);

  it.each([
    ["/", Code.InvalidArgument],
    ["etc/passwd/x", Code.InvalidArgument],
    ["/proc/self/status", Code.PermissionDenied],
  ])("refuses %s", async (path, code) => {
    expect(await codeOf(client.remove({ path }))).toBe(code);
  });
});

/** Folders in each other, made from the inside out since their path is longer than one may be. */
function deepTree(top: string, depth: number, nameLength: number): void {
  const name = "n".repeat(nameLength);
  mkdirSync(top);
  for (let level = 0; level < depth; level += 1) {
    mkdirSync(join(top, "new"));
    if (level > 0) renameSync(join(top, name), join(top, "new", name));
    renameSync(join(top, "new"), join(top, name));
  }
}

/** How many other calls were answered before this one. */
async function answersUntil(call: Promise<unknown>): Promise<number> {
  const over = call.then(() => true);
  let answers = 0;
  while (!(await Promise.race([over, client.stat({ path: "etc" }).then(() => false)]))) answers += 1;
  return answers;
}
