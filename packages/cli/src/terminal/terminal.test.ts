import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DetachKeys } from "./detach-keys.ts";
import { ScreenModes } from "./screen-modes.ts";

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

describe("ScreenModes", () => {
  function undoAfter(...pieces: string[]): string {
    const modes = new ScreenModes();
    for (const piece of pieces) modes.see(Buffer.from(piece, "latin1"));
    return modes.undo();
  }

  it("leaves a terminal alone that is as it was", () => {
    expect(undoAfter("hello \x1b[31mred\x1b[0m\r\n")).toBe("");
    expect(undoAfter("\x1b[?1049h\x1b[?25l", "vim", "\x1b[?25h\x1b[?1049l")).toBe("");
    expect(undoAfter("\x1b[?12h")).toBe("");
  });

  it("puts back what was switched", () => {
    expect(undoAfter("\x1b[?1049h\x1b[?1000;1006h\x1b[?25l text")).toBe(
      "\x1b[?25h\x1b[?1006l\x1b[?1000l\x1b[?1049l\x1b[0m\x1b>",
    );
  });

  it("finds sequences that come in pieces", () => {
    const sequence = "text\x1b[?1;2004h";
    for (let at = 1; at < sequence.length; at++) {
      expect(undoAfter(sequence.slice(0, at), sequence.slice(at))).toBe("\x1b[?2004l\x1b[?1l\x1b[0m\x1b>");
    }
  });
});
