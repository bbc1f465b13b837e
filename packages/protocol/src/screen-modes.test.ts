import { describe, expect, it } from "vitest";
import { ScreenModes } from "./screen-modes.ts";

describe("ScreenModes", () => {
  function after(...pieces: string[]): ScreenModes {
    const modes = new ScreenModes();
    for (const piece of pieces) modes.see(Buffer.from(piece, "latin1"));
    return modes;
  }
  const undoAfter = (...pieces: string[]) => after(...pieces).undo();

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

  it("makes another terminal the same", () => {
    const modes = after("\x1b[?1049h\x1b[?2004h\x1b[?25l", "\x1b[?2004l\x1b[?7l");
    expect(modes.redo()).toBe("\x1b[?1049h\x1b[?25l\x1b[?7l");
    expect(after(modes.redo()).redo()).toBe(modes.redo());
    expect(after("plain").redo()).toBe("");
  });

  it("is not slowed down by sequences that never end", () => {
    const modes = after("\x1b[?".repeat(10_000), `\x1b[?${"1;".repeat(10_000)}h`);
    expect(modes.redo()).toBe("");
  });
});
