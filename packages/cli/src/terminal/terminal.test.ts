import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DetachKeys } from "./detach-keys.ts";

describe("DetachKeys", () => {
  let typed: string;
  let detached: number;
  let keys: DetachKeys;
  beforeEach(() => {
    vi.useFakeTimers();
    typed = "";
    detached = 0;
    keys = new DetachKeys(
      (sent) => (typed += sent.toString("latin1")),
      () => (detached += 1),
    );
  });
  afterEach(() => vi.useRealTimers());

  const type = (...pieces: string[]) => pieces.forEach((piece) => keys.type(Buffer.from(piece, "latin1")));

  it("passes on all other keys in order", () => {
    type("ls\r", "\x03", "\x10a", "b\x10", "c\x11", "\x10\x10", "x");
    expect(typed).toBe("ls\r\x03\x10ab\x10c\x11\x10\x10x");
    expect(detached).toBe(0);
  });

  it.each([["\x10\x11"], ["\x10", "\x11"], ["ab\x10", "\x11cd"], ["ab\x10\x11cd"], ["\x10\x10", "\x11"]])(
    "finds Ctrl-P Ctrl-Q in %j %j",
    (...pieces: string[]) => {
      type(...pieces);
      expect(detached).toBe(1);
      expect(pieces.join("").startsWith(`${typed}\x10\x11`)).toBe(true);
    },
  );

  it("does not keep a Ctrl-P that stands alone", () => {
    type("\x10");
    expect(typed).toBe("");
    vi.advanceTimersByTime(500);
    expect(typed).toBe("\x10");
    type("\x11");
    expect([typed, detached]).toEqual(["\x10\x11", 0]);
  });

  it("sends nothing after it is stopped", () => {
    type("\x10");
    keys.stop();
    vi.advanceTimersByTime(1000);
    expect(typed).toBe("");
  });
});
