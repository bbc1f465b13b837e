import { describe, expect, it } from "vitest";
import { parseMaps } from "./mapping.ts";

const MAPS = `55d0c0a00000-55d0c0a01000 r--p 00000000 fe:00 131 /usr/bin/qemu-system-x86_64
7f00a0000000-7f00a8000000 rw-p 180000000 fe:00 4242 /var/lib/wrenn/a name with spaces (deleted)
7f00a8000000-7f00a8001000 rw-s 00000000 00:01 77 /memfd:x (deleted)
7ffd1c9f2000-7ffd1ca13000 rw-p 00000000 00:00 0                          [stack]
`;

describe("the list of mappings of a process", () => {
  it("is read line by line, whatever the files are called, with offsets beyond 4 GiB", () => {
    const mappings = parseMaps(MAPS);
    expect(mappings.map(({ inode }) => inode)).toEqual([131n, 4242n, 77n, 0n]);
    expect(mappings[1]).toEqual({
      start: 0x7f00a0000000,
      end: 0x7f00a8000000,
      offset: 0x180000000,
      shared: false,
      inode: 4242n,
    });
    expect(mappings[2]?.shared).toBe(true);
  });

  it("is empty for a process that has none left", () => {
    expect(parseMaps("")).toEqual([]);
  });
});
