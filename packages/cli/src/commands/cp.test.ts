import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeCapsule } from "../testing/fake-capsule.ts";

let capsule: FakeCapsule;
/** a folder of this machine */
let here: string;
beforeEach(async () => {
  capsule = await FakeCapsule.start();
  here = mkdtempSync(join(tmpdir(), "wrenn-here-"));
});
afterEach(async () => {
  rmSync(here, { recursive: true, force: true });
  await capsule[Symbol.asyncDispose]();
});

const cp = (from: string, to: string, ...options: string[]) => capsule.wrenn(["cp", ...options, from, to]);
const OK = { code: 0, stdout: "", stderr: "" };

/** A folder with everything that can be copied. */
function makeFolder(folder: string): void {
  mkdirSync(join(folder, "deep/deeper"), { recursive: true });
  for (const name of ["plain", "with space", "ü €", "-rf", "a:b", "deep/deeper/deepest", "newline\n", ".hidden"]) {
    writeFileSync(join(folder, name), `content of ${name}`);
  }
  writeFileSync(Buffer.from(`${folder}/\xff`, "latin1"), "no UTF-8");
  writeFileSync(join(folder, "big"), randomBytes(500_000));
  writeFileSync(join(folder, "empty"), "");
  symlinkSync("../nowhere ü", join(folder, "link"));
  chmodSync(join(folder, "plain"), 0o751);
  chmodSync(join(folder, "deep"), 0o700);
}

function expectSame(one: string, other: string): void {
  execFileSync("diff", ["-r", "--no-dereference", one, other]);
  expect(statSync(join(other, "plain")).mode & 0o777).toBe(0o751);
  expect(statSync(join(other, "deep")).mode & 0o777).toBe(0o700);
  expect(readlinkSync(join(other, "link"))).toBe("../nowhere ü");
}

/** Files that were begun and left. */
function leftovers(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.includes(".wrenn-cp-"));
}

describe("a file", () => {
  const bytes = randomBytes(300_000);

  it.each(["name", "ü € with space", "new folder/name", "-rf"])("goes to %s in a capsule", async (name) => {
    writeFileSync(join(here, "file"), bytes, { mode: 0o750 });
    chmodSync(join(here, "file"), 0o750);
    expect(await cp(join(here, "file"), `cl-a:${name}`)).toMatchObject(OK);
    expect(readFileSync(capsule.path(name)).equals(bytes)).toBe(true);
    expect(statSync(capsule.path(name)).mode & 0o777).toBe(0o750);
  });

  it.each(["name", "ü € with space", "new folder/name", "a:b"])("comes from a capsule to %s", async (name) => {
    writeFileSync(capsule.path("file"), bytes);
    chmodSync(capsule.path("file"), 0o741);
    expect(await cp("cl-a:file", join(here, name))).toMatchObject(OK);
    expect(readFileSync(join(here, name)).equals(bytes)).toBe(true);
    expect(statSync(join(here, name)).mode & 0o777).toBe(0o741);
    expect(leftovers(here)).toEqual([]);
  });

  it("goes into a folder that is there, both ways", async () => {
    writeFileSync(join(here, "up"), "up");
    writeFileSync(capsule.path("down"), "down");
    mkdirSync(capsule.path("folder"));
    expect(await cp(join(here, "up"), "cl-a:folder")).toMatchObject(OK);
    expect(readFileSync(capsule.path("folder/up"), "utf8")).toBe("up");
    expect(await cp("cl-a:down", here)).toMatchObject(OK);
    expect(readFileSync(join(here, "down"), "utf8")).toBe("down");
    expect(await cp(join(here, "up"), "cl-a:")).toMatchObject(OK);
    expect(readFileSync(capsule.path("up"), "utf8")).toBe("up");
  });

  it("comes through stdout and goes through stdin as it is", async () => {
    const up = await capsule.wrenn(["cp", "-", "cl-a:file"], Readable.from([bytes], { objectMode: false }));
    expect(up).toMatchObject({ code: 0, stderr: "" });
    expect(readFileSync(capsule.path("file")).equals(bytes)).toBe(true);
    const down = await capsule.wrenn(["cp", "cl-a:file", "-"]);
    expect(down.bytes.equals(bytes)).toBe(true);
  });

  it("is written through a symlink and into a device, and replaces neither", async () => {
    writeFileSync(capsule.path("file"), "new");
    writeFileSync(join(here, "real"), "old");
    symlinkSync("real", join(here, "link"));
    expect(await cp("cl-a:file", join(here, "link"))).toMatchObject(OK);
    expect(lstatSync(join(here, "link")).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(here, "real"), "utf8")).toBe("new");
    expect(await cp("cl-a:file", "/dev/null")).toMatchObject(OK);
    expect(lstatSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  it("leaves the old one here when the connection breaks in its middle", async () => {
    writeFileSync(capsule.path("file"), randomBytes(4_000_000));
    writeFileSync(join(here, "file"), "old");
    capsule.breaksDownloads = true;
    expect(await cp("cl-a:file", join(here, "file"))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("connection_lost"),
    });
    expect(readFileSync(join(here, "file"), "utf8")).toBe("old");
    expect(readdirSync(here)).toEqual(["file"]);
  });

  it("leaves the old one there when it cannot be read to its end", async () => {
    writeFileSync(capsule.path("file"), "old");
    const broken = Readable.from(
      (function* () {
        yield Buffer.from("new");
        throw new Error("EIO");
      })(),
      { objectMode: false },
    );
    const result = await capsule.wrenn(["cp", "-", "cl-a:file"], broken);
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining("cannot be read") });
    await expect.poll(() => readdirSync(capsule.home)).toEqual(["file"]);
    expect(readFileSync(capsule.path("file"), "utf8")).toBe("old");
  });

  it.each([
    [["cl-a:missing", "HERE/x"], "does not exist"],
    [["HERE/missing", "cl-a:x"], "not found"],
    [["HERE/file", "cl-a:no-folder/"], "no such folder"],
    [["HERE/file", "HERE/x"], "none is"],
    [["cl-a:file", "cl-b:file"], "both are"],
    [["cl-a:../../../etc", ""], "a path is empty"],
    [["cl-a:file", "/proc/x"], "/proc/x: "],
  ])("is not copied: %s", async (paths, said) => {
    writeFileSync(join(here, "file"), "x");
    writeFileSync(capsule.path("file"), "x");
    const [from = "", to = ""] = paths.map((path) => path.replace("HERE", here));
    expect(await cp(from, to)).toMatchObject({ code: 1, stderr: expect.stringContaining(said) });
    expect(readdirSync(here)).toEqual(["file"]);
  });
});

describe("a folder", () => {
  it("goes to a capsule under a new name", async () => {
    makeFolder(join(here, "folder"));
    expect(await cp(join(here, "folder"), "cl-a:there/new name")).toMatchObject(OK);
    expectSame(join(here, "folder"), capsule.path("there/new name"));
    expect(leftovers(capsule.home)).toEqual([]);
  });

  it("comes from a capsule under a new name", async () => {
    makeFolder(capsule.path("folder"));
    expect(await cp("cl-a:folder", join(here, "there/new name"))).toMatchObject(OK);
    expectSame(capsule.path("folder"), join(here, "there/new name"));
  });

  it("goes into a folder that is there, and its content into another", async () => {
    makeFolder(join(here, "folder"));
    mkdirSync(capsule.path("there"));
    expect(await cp(join(here, "folder"), "cl-a:there")).toMatchObject(OK);
    expectSame(join(here, "folder"), capsule.path("there/folder"));
    mkdirSync(capsule.path("merged/deep"), { recursive: true });
    chmodSync(capsule.path("merged"), 0o1777);
    writeFileSync(capsule.path("merged/plain"), "old");
    writeFileSync(capsule.path("merged/deep/other"), "stays");
    expect(await cp(`${here}/folder/.`, "cl-a:merged")).toMatchObject(OK);
    expect(readFileSync(capsule.path("merged/plain"), "utf8")).toBe("content of plain");
    expect(readFileSync(capsule.path("merged/deep/other"), "utf8")).toBe("stays");
    expect(readFileSync(capsule.path("merged/deep/deeper/deepest"), "utf8")).toBe("content of deep/deeper/deepest");
    // A folder that was there keeps its mode: of /tmp it must.
    expect(statSync(capsule.path("merged")).mode & 0o7777).toBe(0o1777);
    expect(leftovers(capsule.home)).toEqual([]);
  });

  it("comes into a folder that is there, and its content into another", async () => {
    makeFolder(capsule.path("folder"));
    expect(await cp("cl-a:folder", here)).toMatchObject(OK);
    expectSame(capsule.path("folder"), join(here, "folder"));
    mkdirSync(join(here, "merged"));
    writeFileSync(join(here, "merged/plain"), "old");
    expect(await cp("cl-a:folder/.", join(here, "merged"))).toMatchObject(OK);
    expectSame(capsule.path("folder"), join(here, "merged"));
  });

  it("comes as a tar archive through stdout", async () => {
    makeFolder(capsule.path("folder"));
    const result = await capsule.wrenn(["cp", "cl-a:folder", "-"]);
    expect(result.code).toBe(0);
    execFileSync("tar", ["-xpf", "-", "-C", here], { input: result.bytes });
    expectSame(capsule.path("folder"), here);
  });

  it("tells all that could not be copied, and copies the rest", async () => {
    makeFolder(join(here, "folder"));
    execFileSync("mkfifo", [join(here, "folder/fifo"), join(here, "folder/\u001b[2Jfifo")]);
    const result = await cp(join(here, "folder"), "cl-a:there");
    expect(result.code).toBe(1);
    expect(result.stderr.split("\n").toSorted()).toEqual([
      "",
      "error: ?[2Jfifo: neither a file nor a folder nor a symlink",
      "error: fifo: neither a file nor a folder nor a symlink",
    ]);
    expect(existsSync(capsule.path("there/deep/deeper/deepest"))).toBe(true);
    const asJson = await cp(join(here, "folder"), "cl-a:there", "--json");
    expect(JSON.parse(asJson.stdout)).toMatchObject({
      failures: expect.arrayContaining([{ path: "fifo", message: "neither a file nor a folder nor a symlink" }]),
    });
  });

  it("says what the capsule's tar says", async () => {
    writeFileSync(capsule.path("file"), "x");
    makeFolder(join(here, "folder"));
    expect(await cp(join(here, "folder"), "cl-a:file")).toMatchObject({
      code: 1,
      stderr: "error: in the capsule: ./file: is no folder\n",
    });
    expect(readFileSync(capsule.path("file"), "utf8")).toBe("x");
  });

  it("changes nothing in the capsule when the connection breaks for good", async () => {
    makeFolder(join(here, "folder"));
    writeFileSync(join(here, "folder/huge"), randomBytes(20_000_000));
    mkdirSync(capsule.path("there"));
    writeFileSync(capsule.path("there/plain"), "old");
    // In the middle of the input, from where on nothing can be said any more.
    let acks = 0;
    capsule.breaks = ({ type }) => type !== "start" && (type !== "ack" || ++acks > 10);
    const result = await cp(`${here}/folder/.`, "cl-a:there");
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining("input may not have arrived") });
    await expect.poll(() => readdirSync(capsule.path("there"))).toEqual(["plain"]);
    expect(readFileSync(capsule.path("there/plain"), "utf8")).toBe("old");
  });

  it("does not come from a capsule that lies about where things are", async () => {
    const lies = join(here, "lies.tar");
    mkdirSync(join(here, "source"));
    writeFileSync(join(here, "source/evil"), "x");
    execFileSync("tar", ["-C", join(here, "source"), "-P", "--transform=s,evil,../evil,", "-cf", lies, "evil"]);
    mkdirSync(capsule.path("folder"));
    mkdirSync(capsule.path("bin"));
    writeFileSync(capsule.path("bin/tar"), `#!/bin/sh\nexec cat ${lies}\n`, { mode: 0o755 });
    const { PATH } = process.env;
    process.env["PATH"] = `${capsule.path("bin")}:${PATH}`;
    try {
      const result = await cp("cl-a:folder", join(here, "target/folder"));
      expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining("../evil: refused") });
    } finally {
      process.env["PATH"] = PATH;
    }
    expect(readdirSync(join(here, "target"))).toEqual(["folder"]);
    expect(readdirSync(join(here, "target/folder"))).toEqual([]);
  });
});
