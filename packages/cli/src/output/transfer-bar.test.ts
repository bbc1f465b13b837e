import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { barLine, TransferBar } from "./transfer-bar.ts";

const MIB = 1024 * 1024;

describe("barLine", () => {
  it.each([
    [{ bytes: 0, total: 10 * MIB, speed: 0 }, "x  ░░░░░░░░░░░░░░░░░░░░ 0 %  0 KiB  0 KiB/s"],
    [{ bytes: 5 * MIB, total: 10 * MIB, speed: MIB }, "x  ██████████░░░░░░░░░░ 50 %  5 MiB  1 MiB/s  5.0 s left"],
    [{ bytes: 10 * MIB, total: 10 * MIB, speed: MIB }, "x  ████████████████████ 100 %  10 MiB  1 MiB/s"],
    // What grew meanwhile.
    [{ bytes: 11 * MIB, total: 10 * MIB, speed: MIB }, "x  ████████████████████ 100 %  11 MiB  1 MiB/s"],
    [{ bytes: 5 * MIB, total: undefined, speed: MIB }, "x  5 MiB  1 MiB/s"],
  ])("shows %j", (state, line) => expect(barLine("x", state)).toBe(line));
});

describe("TransferBar", () => {
  const { isTTY } = process.stderr;
  let written: string[];
  beforeEach(() => {
    vi.useFakeTimers();
    written = [];
    vi.spyOn(process.stderr, "write").mockImplementation((piece) => written.push(String(piece)) > 0);
  });
  afterEach(() => {
    process.stderr.isTTY = isTTY;
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  it("draws at most ten times a second, measures the newest speed, and takes it all back", () => {
    process.stderr.isTTY = true;
    const bar = new TransferBar("x", false);
    bar.total = 100 * MIB;
    for (let ms = 10; ms <= 10_000; ms += 10) {
      vi.advanceTimersByTime(10);
      // Fast at first, then a tenth of it.
      bar.show(ms < 2000 ? ms * 10_000 : 20_000_000 + (ms - 2000) * 1000);
    }
    expect(written.length).toBeLessThanOrEqual(101);
    expect(stripVTControlCharacters(written.at(-1) ?? "")).toContain("976.6 KiB/s");
    bar[Symbol.dispose]();
    expect(written.at(-1)).toBe("\r\u001b[2K");
  });

  it.each([
    ["with --json", true, true],
    ["where no person looks", false, false],
  ])("draws nothing %s", (_where, quiet, terminal) => {
    process.stderr.isTTY = terminal;
    const bar = new TransferBar("x", quiet);
    vi.advanceTimersByTime(1000);
    bar.show(MIB);
    bar[Symbol.dispose]();
    expect(written).toEqual([]);
  });
});
