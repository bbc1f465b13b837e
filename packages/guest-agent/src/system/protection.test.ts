import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { programMappings } from "./protection.ts";

it("the mappings of a program are those that come from files and are not written", () => {
  const maps = `\
00400000-00b2c000 r--p 00000000 fd:00 1234                               /usr/bin/node
00b2c000-02000000 r-xp 0072c000 fd:00 1234                               /usr/bin/node
02000000-02010000 rw-p 01c00000 fd:00 1234                               /usr/bin/node
0f000000-0f800000 rw-p 00000000 00:00 0                                  [heap]
7f0000000000-7f0000001000 r--s 00000000 fd:00 99                         /shared
7f0000001000-7f0000003000 r-xp 00000000 fd:00 77                         /a path/with spaces
7ffc00000000-7ffc00021000 r-xp 00000000 00:00 0                          [vdso]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
`;
  expect(programMappings(maps)).toEqual([
    { address: 0x400000n, length: 0x72c000 },
    { address: 0xb2c000n, length: 0x14d4000 },
    { address: 0x7f0000001000n, length: 0x2000 },
  ]);
  expect(programMappings("")).toEqual([]);
  expect(programMappings(readFileSync("/proc/self/maps", "latin1")).length).toBeGreaterThan(5);
});
