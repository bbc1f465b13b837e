import { describe, expect, it } from "vitest";
import { CHARACTER_DEVICE, DIRECTORY, PROGRAM, writeCpio } from "./cpio.ts";

const ENTRIES = [
  { path: "init", mode: PROGRAM, content: Buffer.from("#!/bin/sh\n") },
  { path: "dev", mode: DIRECTORY },
  { path: "dev/console", mode: CHARACTER_DEVICE, device: [5, 1] as const },
];

interface Read {
  name: string;
  fields: number[];
  content: string;
}

/** Reads an archive the way the kernel's documentation describes it. */
function readCpio(archive: Buffer): Read[] {
  const entries: Read[] = [];
  for (let at = 0; at < archive.length; ) {
    expect(archive.toString("latin1", at, at + 6)).toBe("070701");
    const fields = Array.from({ length: 13 }, (_, i) =>
      Number.parseInt(archive.toString("latin1", at + 6 + i * 8, at + 14 + i * 8), 16),
    );
    const [size = 0, nameSize = 0] = [fields[6], fields[11]];
    const data = Math.ceil((at + 110 + nameSize) / 4) * 4;
    const name = archive.toString("utf8", at + 110, at + 110 + nameSize - 1);
    entries.push({ name, fields, content: archive.toString("utf8", data, data + size) });
    at = Math.ceil((data + size) / 4) * 4;
  }
  return entries;
}

describe("a cpio archive", () => {
  const entries = readCpio(writeCpio(ENTRIES));

  it("holds the entries in order of their path, folders before what they hold, and the trailer", () => {
    expect(entries.map((entry) => entry.name)).toEqual(["dev", "dev/console", "init", "TRAILER!!!"]);
  });

  it("keeps modes, contents and device numbers", () => {
    const [dev, console, init] = entries;
    expect(dev?.fields[1]).toBe(0o040755);
    expect(console?.fields.slice(9, 11)).toEqual([5, 1]);
    expect(init?.fields[1]).toBe(0o100755);
    expect(init?.content).toBe("#!/bin/sh\n");
  });

  it("belongs to root, has no time, and is the same for the same entries in any order", () => {
    for (const { fields } of entries) expect([fields[2], fields[3], fields[5]]).toEqual([0, 0, 0]);
    expect(writeCpio(ENTRIES.toReversed())).toEqual(writeCpio(ENTRIES));
  });
});
