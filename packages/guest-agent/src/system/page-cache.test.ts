import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseMemory, shouldReclaim } from "./page-cache.ts";

const MEMINFO = `MemTotal:         495504 kB
MemFree:          374084 kB
MemAvailable:     441000 kB
Buffers:             788 kB
Cached:            56160 kB
SwapCached:          999 kB
Shmem:                20 kB
ShmemHugePages:      777 kB
`;

describe("the machine's memory", () => {
  it("is read in bytes; files in memory alone are no cache", () => {
    expect(parseMemory(MEMINFO)).toEqual({
      total: 495_504 * 1024,
      free: 374_084 * 1024,
      available: 441_000 * 1024,
      cache: (788 + 56_160 - 20) * 1024,
    });
  });

  it("is that of this machine", () => {
    const { total, free, available, cache } = parseMemory(readFileSync("/proc/meminfo", "latin1"));
    expect(Math.min(total, free, available, cache)).toBeGreaterThan(0);
    expect(available).toBeLessThanOrEqual(total);
  });

  it.each([
    ["has room", 21, 70, false],
    ["is nearly full of files", 19, 70, true],
    ["is nearly full of programs", 19, 5, false],
  ])("gives up its page cache or not when it %s", (_what, free, cache, expected) => {
    expect(shouldReclaim({ total: 100, free, available: free + cache, cache })).toBe(expected);
  });
});
