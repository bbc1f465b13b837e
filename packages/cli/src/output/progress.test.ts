import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { showWaiting } from "./progress.ts";

describe("showWaiting", () => {
  const { isTTY } = process.stderr;
  let written: string[];

  beforeEach(() => {
    vi.useFakeTimers();
    process.stderr.isTTY = true;
    written = [];
    vi.spyOn(process.stderr, "write").mockImplementation((piece) => written.push(String(piece)) > 0);
  });

  afterEach(() => {
    process.stderr.isTTY = isTTY;
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  it("shows what is waited for and how long already, and takes it back", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const waiting = showWaiting("forking cl-a", false, promise);
    vi.advanceTimersByTime(2000);
    expect(written.map(stripVTControlCharacters)).toEqual(["\r… forking cl-a 1.0 s", "\r… forking cl-a 2.0 s"]);
    resolve("done");
    expect(await waiting).toBe("done");
    expect(written.at(-1)).toBe("\r\u001b[2K");
    vi.advanceTimersByTime(2000);
    expect(written).toHaveLength(3);
  });

  it("takes it back when the work fails", async () => {
    await expect(showWaiting("forking", false, Promise.reject(new Error("no host")))).rejects.toThrow("no host");
    expect(written).toEqual(["\r\u001b[2K"]);
  });

  it.each([
    ["with --json", true, true],
    ["where no person looks", false, false],
  ])("prints nothing %s", async (_where, quiet, terminal) => {
    process.stderr.isTTY = terminal;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = showWaiting("forking", quiet, promise);
    vi.advanceTimersByTime(5000);
    resolve();
    await waiting;
    expect(written).toEqual([]);
  });
});
