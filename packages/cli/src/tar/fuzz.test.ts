import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasCode } from "@wrenn/protocol/errors";
import { afterEach, beforeEach, expect, it } from "vitest";
import { asPath } from "./bytes.ts";
import { Extraction, partsOf } from "./extract.ts";
import { encodeHeader, type Member, padding } from "./header.ts";
import { TarReader } from "./read.ts";

const SEED = Number(process.env["WRENN_FUZZ_SEED"] ?? Date.now() % 2 ** 31);
const ROUNDS = 250;

/** Numbers from a seed (mulberry32). */
function generator(seed: number) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  const pick = <T>(choices: readonly T[]) => choices[below(choices.length)] as T;
  return { below, pick };
}

type Random = ReturnType<typeof generator>;

const PARTS = ["a", "b", "c", "..", ".", "", "...", "x y", "\xff", "n\n", "secret", "way", "p".repeat(120)];
const TYPES = ["file", "file", "directory", "symlink", "symlink", "link", "link", "other"] as const;

function path(random: Random): string {
  const parts = Array.from({ length: 1 + random.below(4) }, () => random.pick(PARTS));
  return (random.below(10) === 0 ? "/" : "") + parts.join("/");
}

function member(random: Random): Buffer {
  const content = Buffer.alloc(random.pick([0, 1, 511, 512, 513, 3000]), "z");
  const type = random.pick(TYPES);
  const size = type === "file" ? content.length : 0;
  const targets = ["..", "../secret", root, `${root}/secret`, path(random), path(random)];
  const facts: Member = {
    path: path(random),
    type,
    size,
    mode: random.below(0o10000),
    mtime: 1,
    target: random.pick(targets),
  };
  return Buffer.concat([encodeHeader(facts), content.subarray(0, size), padding(size)]);
}

function archive(random: Random): Buffer {
  const members = Array.from({ length: random.below(12) }, () => member(random));
  const bytes = Buffer.concat([...members, Buffer.alloc(1024)]);
  // Some are damaged, some cut, some both.
  if (random.below(3) === 0)
    for (let i = random.below(6); i > 0; i--) bytes[random.below(bytes.length)] = random.below(256);
  return random.below(4) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes;
}

let scratch: string;
/** Deep in a folder of its own: what escapes from it must do no harm to the machine. */
let root: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "wrenn-fuzz-"));
  root = join(scratch, "1/2/3/4/5/6/7/8/9/10/11/12");
  mkdirSync(root, { recursive: true });
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

/** The folders from `scratch` down to `root` hold nothing but each other. */
function strayFiles(): string[] {
  const above = Array.from({ length: 12 }, (_, depth) =>
    join(scratch, ...Array.from({ length: depth }, (_u, i) => `${i + 1}`)),
  );
  return above.flatMap((folder, depth) => readdirSync(folder).filter((name) => name !== `${depth + 1}`));
}

it(`never writes outside the folder, whatever an archive says (seed ${SEED})`, () => {
  for (let round = 0; round < ROUNDS; round++) {
    const seed = SEED + round;
    const random = generator(seed);
    const inside = join(root, "inside");
    mkdirSync(inside);
    writeFileSync(join(root, "secret"), "secret");
    // Several into the same folder: the second one finds the symlinks of the first.
    for (let i = 0; i < 2; i++) extract(archive(random), inside, random, seed);
    expect(readdirSync(root).toSorted(), `seed ${seed}`).toEqual(["inside", "secret"]);
    expect(readFileSync(join(root, "secret"), "utf8"), `seed ${seed}`).toBe("secret");
    expect(lstatSync(join(root, "secret")).nlink, `seed ${seed}`).toBe(1);
    expect(strayFiles(), `seed ${seed}`).toEqual([]);
    expect(temporaries(inside), `seed ${seed}`).toEqual([]);
    rmSync(inside, { recursive: true, force: true });
  }
}, 60_000);

function extract(bytes: Buffer, inside: string, random: Random, seed: number): void {
  const extraction = new Extraction(inside, () => {});
  const reader = new TarReader(extraction);
  try {
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + random.below(random.pick([3, 700, 5000]));
      reader.push(bytes.subarray(at, at + length));
      at += length;
    }
    reader.finish();
  } catch (error) {
    // Nothing but what the archive is told to be: damaged.
    expect(hasCode(error, "invalid_request"), `seed ${seed}: ${String(error)}`).toBe(true);
  } finally {
    extraction.finish();
  }
}

/** Files that were begun and left. Not by `recursive`, which follows symlinks. */
function temporaries(folder: string): string[] {
  return readdirSync(asPath(folder), "latin1").flatMap((name) => {
    const found = `${folder}/${name}`;
    if (name.startsWith(".wrenn-cp-")) return [found];
    return lstatSync(asPath(found)).isDirectory() ? temporaries(found) : [];
  });
}

it("is the same in whatever pieces it comes", () => {
  for (let round = 0; round < 200; round++) {
    const seed = SEED + round;
    const random = generator(seed);
    const bytes = archive(random);
    const whole = events(bytes, () => bytes.length);
    expect(
      events(bytes, () => 1 + random.below(600)),
      `seed ${seed}`,
    ).toEqual(whole);
  }
});

function events(bytes: Buffer, pieceLength: () => number): string[] {
  const seen: string[] = [];
  const reader = new TarReader({
    begin: (found) => seen.push(JSON.stringify(found)),
    content: (piece) =>
      seen.push(seen.at(-1)?.startsWith("+") === true ? `+${seen.pop()?.slice(1)}${piece}` : `+${piece}`),
    end: () => seen.push("end"),
  });
  try {
    for (let at = 0; at < bytes.length; ) {
      const length = pieceLength();
      reader.push(bytes.subarray(at, at + length));
      at += length;
    }
    reader.finish();
  } catch (error) {
    seen.push(String(error));
  }
  return seen;
}

it("takes no path that leads up or begins at the root", () => {
  const random = generator(SEED);
  for (let round = 0; round < 10_000; round++) {
    const parts = partsOf(path(random));
    if (parts === undefined) continue;
    expect(parts.filter((part) => ["", ".", ".."].includes(part) || part.includes("/"))).toEqual([]);
  }
});
