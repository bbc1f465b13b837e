import { execFileSync } from "node:child_process";
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
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Extraction } from "./extract.ts";
import { encodeHeader, type Member, padding } from "./header.ts";
import { pack } from "./pack.ts";
import { TarReader } from "./read.ts";

let root: string;
let inside: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wrenn-tar-"));
  inside = join(root, "inside");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const END = Buffer.alloc(1024);

function member(facts: Partial<Member>, content = ""): Buffer {
  const size = facts.size ?? Buffer.byteLength(content);
  const header = { path: "x", type: "file", mode: 0o644, mtime: 1, target: "", ...facts, size } as const;
  return Buffer.concat([encodeHeader(header), Buffer.from(content), padding(Buffer.byteLength(content))]);
}

/** Unpacks into `inside`, in pieces of the size; returns what failed. */
function extract(archive: Buffer, pieceBytes = 1000): string[] {
  const failures: string[] = [];
  const extraction = new Extraction(inside, (path, reason) => failures.push(`${path}: ${reason}`));
  const reader = new TarReader(extraction);
  for (let at = 0; at < archive.length; at += pieceBytes) reader.push(archive.subarray(at, at + pieceBytes));
  reader.finish();
  extraction.finish();
  return failures;
}

function listing(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" }).toSorted();
}

describe("a folder", () => {
  const long = "l".repeat(200);
  const names = [
    "plain",
    "with space",
    "newline\n",
    "ü €",
    "-rf",
    "*",
    long,
    "deep/deeper/deepest",
    `${"p".repeat(90)}/${"q".repeat(90)}`,
  ];

  beforeEach(() => {
    const source = join(root, "source");
    for (const name of names) {
      mkdirSync(join(source, name, ".."), { recursive: true });
      writeFileSync(join(source, name), `content of ${name}`);
    }
    mkdirSync(join(source, long.replaceAll("l", "d"), long.replaceAll("l", "e")), { recursive: true });
    writeFileSync(Buffer.from(`${source}/\xff\xfe`, "latin1"), "no UTF-8");
    writeFileSync(join(source, "empty"), "");
    writeFileSync(join(source, "big"), Buffer.alloc(1_000_000, "0123456789"));
    symlinkSync("../outside ü", join(source, "link"));
    symlinkSync(`/${long}/${long}`, join(source, "long link"));
    chmodSync(join(source, "plain"), 0o751);
    chmodSync(join(source, "deep"), 0o500);
    utimesSync(join(source, "plain"), 1000, 1_234_567_890);
  });

  it.each(["its own writer", "GNU tar", "GNU tar, pax", "GNU tar, ustar"])("made by %s is read", (writer) => {
    const source = join(root, "source");
    const flags = { "GNU tar": [], "GNU tar, pax": ["--format=pax"], "GNU tar, ustar": ["--format=ustar"] }[writer];
    // Names that this format cannot hold.
    const tooLong = ["long link", long, long.replaceAll("l", "d")];
    if (writer.endsWith("ustar")) for (const name of tooLong) rmSync(join(source, name), { recursive: true });
    const archive =
      flags === undefined
        ? Buffer.concat([...pack(source, (path, reason) => expect.unreachable(`${path}: ${reason}`))])
        : execFileSync("tar", [...flags, "-C", source, "-cf", "-", "."], { maxBuffer: 2 ** 26 });
    expect(extract(archive)).toEqual([]);
    execFileSync("diff", ["-r", "--no-dereference", source, inside]);
    expect(listing(inside)).toEqual(listing(source));
    expect(readdirSync(inside, "latin1")).toContain("\xff\xfe");
    expect(statSync(join(inside, "plain"))).toMatchObject({ mode: 0o100751, mtimeMs: 1_234_567_890_000 });
    expect(statSync(join(inside, "deep")).mode & 0o777).toBe(0o500);
    expect(readlinkSync(join(inside, "link"))).toBe("../outside ü");
  });

  it("is read by GNU tar", () => {
    mkdirSync(inside);
    const archive = Buffer.concat([...pack(join(root, "source"), () => expect.unreachable())]);
    execFileSync("tar", ["-xpf", "-", "-C", inside], { input: archive });
    execFileSync("diff", ["-r", "--no-dereference", join(root, "source"), inside]);
  });

  it("tells what it cannot hold and packs the rest", () => {
    execFileSync("mkfifo", [join(root, "source", "fifo")]);
    const failures: string[] = [];
    const archive = Buffer.concat([...pack(join(root, "source"), (...failure) => failures.push(failure.join(": ")))]);
    expect(failures).toEqual(["./fifo: neither a file nor a folder nor a symlink"]);
    expect(extract(archive)).toEqual([]);
    expect(listing(inside)).toEqual(listing(join(root, "source")).filter((name) => name !== "fifo"));
  });

  it("keeps its promise of a file that becomes shorter while it is read", () => {
    const failures: string[] = [];
    const pieces: Buffer[] = [];
    for (const piece of pack(join(root, "source"), (...failure) => failures.push(failure.join(": ")))) {
      pieces.push(piece);
      writeFileSync(join(root, "source", "big"), "short");
    }
    // It is cut before it is opened or while it is read, as the folder lists it: the archive is whole in both cases.
    expect(extract(Buffer.concat(pieces))).toEqual([]);
    expect(failures.length).toBeLessThanOrEqual(1);
  });
});

describe("members that lead outside", () => {
  it.each([
    ["..", member({ path: "../evil" }, "x")],
    [".. in the middle", member({ path: "a/../../evil" }, "x")],
    ["a root", (outside: string) => member({ path: join(outside, "evil") }, "x")],
    ["a NUL", paxMember("a\0/../../evil")],
    ["a symlink on the way", Buffer.concat([symlink("way", ".."), member({ path: "way/evil" }, "x")])],
    [
      "a symlink to a root",
      (outside: string) => Buffer.concat([symlink("way", outside), member({ path: "way/evil" }, "x")]),
    ],
    ["a symlink deep down", Buffer.concat([symlink("a/b", "../.."), member({ path: "a/b/evil", type: "directory" })])],
    ["a symlink made of a folder", Buffer.concat([folder("a"), symlink("a", ".."), member({ path: "a/evil" }, "x")])],
    ["a hard link's source", member({ path: "x", type: "link", target: "../secret" })],
    ["a hard link's source with a root", member({ path: "x", type: "link", target: "/secret" })],
    [
      "a hard link through a symlink",
      Buffer.concat([symlink("s", ".."), member({ type: "link", target: "s/secret" })]),
    ],
    ["a hard link to a symlink", Buffer.concat([symlink("s", "../secret"), member({ type: "link", target: "s" })])],
  ])("by %s are refused", (_how, members) => {
    writeFileSync(join(root, "secret"), "secret");
    extract(
      Buffer.concat([typeof members === "function" ? members(root) : members, member({ path: "after" }, "good"), END]),
    );
    expect(readdirSync(root).toSorted()).toEqual(["inside", "secret"]);
    expect(existsSync(join(inside, "x"))).toBe(false);
    expect(statSync(join(root, "secret")).nlink).toBe(1);
    expect(readFileSync(join(inside, "after"), "utf8")).toBe("good");
  });

  it("are told", () => {
    expect(extract(Buffer.concat([member({ path: "../evil" }, "x"), END]))).toEqual([
      "../evil: refused: its path leads outside the folder",
    ]);
  });

  it("do not pass through a symlink that was there", () => {
    mkdirSync(join(root, "other"));
    mkdirSync(inside);
    symlinkSync("../other", join(inside, "way"));
    expect(extract(Buffer.concat([member({ path: "way/evil" }, "x"), END]))).toHaveLength(1);
    expect(readdirSync(join(root, "other"))).toEqual([]);
  });

  it("do not write through a symlink that was there, but take its place", () => {
    writeFileSync(join(root, "secret"), "secret");
    mkdirSync(inside);
    symlinkSync("../secret", join(inside, "x"));
    expect(extract(Buffer.concat([member({}, "new"), END]))).toEqual([]);
    expect(readFileSync(join(root, "secret"), "utf8")).toBe("secret");
    expect(lstatSync(join(inside, "x")).isFile()).toBe(true);
  });

  it("cannot make setuid programs", () => {
    expect(extract(Buffer.concat([member({ mode: 0o6755 }, "x"), END]))).toEqual([]);
    expect(statSync(join(inside, "x")).mode & 0o7777).toBe(0o755);
  });
});

describe("an extraction", () => {
  it("keeps hard links inside", () => {
    const archive = Buffer.concat([
      member({ path: "a" }, "one"),
      member({ path: "b", type: "link", target: "a" }),
      END,
    ]);
    expect(extract(archive)).toEqual([]);
    expect(statSync(join(inside, "a")).ino).toBe(statSync(join(inside, "b")).ino);
    // A second time both names are one file already.
    expect(extract(archive)).toEqual([]);
    expect(readdirSync(inside)).toEqual(["a", "b"]);
  });

  it("leaves the old file when the archive breaks off", () => {
    mkdirSync(inside);
    writeFileSync(join(inside, "x"), "old");
    const failures: string[] = [];
    const extraction = new Extraction(inside, (path) => failures.push(path));
    const reader = new TarReader(extraction);
    reader.push(member({ size: 5000 }, "new"));
    expect(() => reader.finish()).toThrow("ends in the middle");
    extraction.finish();
    expect(readFileSync(join(inside, "x"), "utf8")).toBe("old");
    expect(readdirSync(inside)).toEqual(["x"]);
  });

  it("leaves what is in the way and goes on", () => {
    mkdirSync(join(inside, "x"), { recursive: true });
    writeFileSync(join(inside, "y"), "file");
    const archive = [
      member({ path: "x" }, "file"),
      member({ path: "y/z" }, "z"),
      member({ path: "after" }, "good"),
      END,
    ];
    expect(extract(Buffer.concat(archive))).toEqual([
      "x: is a folder",
      "y/z: refused: no folder is where a folder must be",
    ]);
    expect(readdirSync(inside).toSorted()).toEqual(["after", "x", "y"]);
  });

  it("does not change the mode of a folder that was there", () => {
    mkdirSync(join(inside, "a"), { recursive: true });
    chmodSync(inside, 0o701);
    chmodSync(join(inside, "a"), 0o702);
    expect(extract(Buffer.concat([folder("."), folder("a"), folder("b"), END]))).toEqual([]);
    expect(["", "a", "b"].map((name) => statSync(join(inside, name)).mode & 0o777)).toEqual([0o701, 0o702, 0o755]);
  });

  it("skips devices", () => {
    const device = member({ path: "device", type: "other" });
    device[156] = "3".charCodeAt(0);
    fixChecksum(device);
    expect(extract(Buffer.concat([device, member({}, "x"), END]))).toEqual([
      "device: skipped: neither a file nor a folder nor a link",
    ]);
    expect(readdirSync(inside)).toEqual(["x"]);
  });
});

describe("an archive that is none", () => {
  const good = Buffer.concat([member({ path: "a" }, "x"), END]);
  it.each([
    ["other bytes", Buffer.alloc(1024, "no archive"), "checksum"],
    ["one that is cut in its header", good.subarray(0, 300), "ends in the middle"],
    ["one that is cut in its content", good.subarray(0, 513), "ends in the middle"],
    ["one without an end", good.subarray(0, 1024), "ends in the middle"],
    ["nothing", Buffer.alloc(0), "ends in the middle"],
    ["a huge name", Buffer.concat([rename(member({ size: 2 ** 40 }), "L"), END]), "a name of 1099511627776 bytes"],
    ["a pax record that is none", Buffer.concat([rename(member({}, "99 path=x\n"), "x"), END]), "pax record"],
    ["a negative size", negativeSize(), "a size of -1"],
  ])("is refused: %s", (_what, bytes, said) => expect(() => extract(bytes)).toThrow(said));
});

describe("sizes", () => {
  it("over 8 GiB are written and read", () => {
    const seen: Member[] = [];
    const sink = { begin: (found: Member) => seen.push(found), content: () => {}, end: () => {} };
    new TarReader(sink).push(
      encodeHeader({ ...{ path: "x", type: "file", mode: 0, mtime: 0, target: "" }, size: 2 ** 40 }),
    );
    expect(seen[0]?.size).toBe(2 ** 40);
  });
});

function folder(path: string): Buffer {
  return member({ path, type: "directory", mode: 0o755 });
}

function symlink(path: string, target: string): Buffer {
  return member({ path, type: "symlink", target });
}

function paxMember(path: string): Buffer {
  const record = ` path=${path}\n`;
  return Buffer.concat([rename(member({}, `${record.length + 2}${record}`), "x"), member({}, "x")]);
}

function rename(bytes: Buffer, flag: string): Buffer {
  bytes.write(flag, 156, "latin1");
  return fixChecksum(bytes);
}

function negativeSize(): Buffer {
  const bytes = member({});
  bytes.fill(0xff, 124, 136);
  return fixChecksum(bytes);
}

function fixChecksum(bytes: Buffer): Buffer {
  bytes.fill(" ", 148, 156);
  const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return bytes;
}
