import { expect, it } from "vitest";
import { CpuUsage } from "./cpu-usage.ts";

/** user, nice, system, idle, iowait, irq, softirq, steal, guest */
const stat = (...times: number[]) => `cpu  ${times.join(" ")} 0\ncpu0 ${times.join(" ")}\ncpu1 0 0\nintr 5\n`;

it("is what all CPUs did since the last reading, at first since the boot", () => {
  const usage = new CpuUsage();
  expect(usage.read(stat(10, 0, 10, 70, 10, 0, 0, 0, 10), 0)).toEqual({ count: 2, usedPercent: 20 });
  expect(usage.read(stat(40, 5, 10, 120, 10, 5, 5, 5, 10), 1000)).toEqual({ count: 2, usedPercent: 50 });
  expect(usage.read(stat(40, 5, 10, 220, 10, 5, 5, 5, 10), 2000)).toEqual({ count: 2, usedPercent: 0 });
});

it("stays what it was when somebody asks again at once, or when nothing was counted", () => {
  const usage = new CpuUsage();
  usage.read(stat(50, 0, 0, 50, 0, 0, 0, 0), 0);
  expect(usage.read(stat(60, 0, 0, 50, 0, 0, 0, 0), 99).usedPercent).toBe(50);
  expect(usage.read(stat(50, 0, 0, 50, 0, 0, 0, 0), 5000).usedPercent).toBe(50);
});

it("is no more and no less than possible when counters go backwards, as they may", () => {
  const usage = new CpuUsage();
  usage.read(stat(50, 0, 0, 50, 100, 0, 0, 0), 0);
  expect(usage.read(stat(50, 0, 0, 200, 90, 0, 0, 0), 1000).usedPercent).toBe(0);
});

it("survives a file that is none", () => {
  expect(new CpuUsage().read("", 0)).toEqual({ count: 1, usedPercent: 0 });
});
