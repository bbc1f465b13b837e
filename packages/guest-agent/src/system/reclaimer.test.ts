import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Kernel } from "./kernel.ts";
import { Reclaimer } from "./reclaimer.ts";

const dropPageCache = vi.fn(async () => {});
let free = 0;
const kernel = {
  memory: () => ({ total: 100, free, available: free + 60, cache: 60 }),
  dropPageCache,
} satisfies Partial<Kernel>;
let reclaimer: Reclaimer;

beforeEach(() => {
  vi.useFakeTimers();
  dropPageCache.mockClear();
  reclaimer = new Reclaimer(kernel as unknown as Kernel);
});
afterEach(() => vi.useRealTimers());

it("drops the page cache of a full machine, once for each occasion", async () => {
  free = 10;
  reclaimer.checkSoon();
  reclaimer.checkSoon();
  expect(dropPageCache).not.toHaveBeenCalled();
  await vi.runAllTimersAsync();
  expect(dropPageCache).toHaveBeenCalledTimes(1);
  reclaimer.checkSoon();
  await vi.runAllTimersAsync();
  expect(dropPageCache).toHaveBeenCalledTimes(2);
});

it("leaves a machine alone that has room", async () => {
  free = 30;
  reclaimer.checkSoon();
  await vi.runAllTimersAsync();
  expect(dropPageCache).not.toHaveBeenCalled();
});

it("has no timer but after an occasion, and none in a snapshot", async () => {
  free = 10;
  expect(vi.getTimerCount()).toBe(0);
  reclaimer.checkSoon();
  reclaimer.cancel();
  expect(vi.getTimerCount()).toBe(0);
  reclaimer.checkSoon();
  await vi.runAllTimersAsync();
  expect(dropPageCache).toHaveBeenCalledTimes(1);
  expect(vi.getTimerCount()).toBe(0);
});
