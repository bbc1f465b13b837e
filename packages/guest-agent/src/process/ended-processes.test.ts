import { create } from "@bufbuild/protobuf";
import { ProcessConfigSchema } from "@wrenn/protocol/gen/process_pb";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { EndedProcesses } from "./ended-processes.ts";
import { OutputHub } from "./output-hub.ts";
import type { ProcessEntry } from "./process-table.ts";

function entry(pid: number, outputBytes = 0, tag?: string): ProcessEntry {
  const output = new OutputHub(1024, () => {});
  output.write("stdout", Buffer.alloc(outputBytes));
  return { process: { pid, output } as ProcessEntry["process"], config: create(ProcessConfigSchema), tag };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("are kept for 30 s each", () => {
  const ended = new EndedProcesses();
  ended.add(entry(1));
  vi.advanceTimersByTime(20_000);
  ended.add(entry(2));
  vi.advanceTimersByTime(10_000);
  expect([ended.get(1), ended.get(2)?.process.pid]).toEqual([undefined, 2]);
  vi.advanceTimersByTime(20_000);
  expect(ended.get(2)).toBeUndefined();
  expect(vi.getTimerCount()).toBe(0);
});

it("are found by tag, the last one of several", () => {
  const ended = new EndedProcesses();
  ended.add(entry(1, 0, "same"));
  ended.add(entry(2, 0, "same"));
  ended.add(entry(3, 0, "other"));
  expect(ended.tagged("same")?.process.pid).toBe(2);
});

it("take a bounded memory: the oldest go, the last one stays", () => {
  const ended = new EndedProcesses();
  for (let pid = 1; pid <= 10_000; pid += 1) ended.add(entry(pid));
  expect([ended.get(10_000 - 256), ended.get(10_000 - 255)?.process.pid]).toEqual([undefined, 10_000 - 255]);
  for (let pid = 20_000; pid < 20_100; pid += 1) ended.add(entry(pid, 256 * 1024));
  const kept = Array.from({ length: 100 }, (_, index) => ended.get(20_000 + index)).filter(
    (found) => found !== undefined,
  );
  expect(kept).toHaveLength(32);
  expect(ended.get(20_099)).toBeDefined();
});

it("whose pid has been used again are forgotten", () => {
  const ended = new EndedProcesses();
  const [first, second] = [entry(7, 0, "first"), entry(7, 0, "second")];
  ended.add(first);
  ended.add(second);
  expect(ended.get(7)?.process).toBe(second.process);
  expect(ended.tagged("first")).toBeUndefined();
});
