import { expect, it } from "vitest";
import { droppableBytes } from "./page-cache.ts";

it("counts files and block devices, without those that live in memory alone", () => {
  const meminfo = `MemTotal:         495504 kB
MemFree:          374084 kB
Buffers:             788 kB
Cached:            56160 kB
SwapCached:          999 kB
Shmem:                20 kB
ShmemHugePages:      777 kB
`;
  expect(droppableBytes(meminfo)).toBe((788 + 56_160 - 20) * 1024);
});
