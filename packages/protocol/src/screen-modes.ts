/**
 * Follows which modes of a terminal a program switches (the alternate screen, the mouse, a hidden cursor, …): a terminal that is left in
 * the middle of a program can be put back, and one that joins there can be made ready.
 */

/** DEC private modes that a program changes and a shell wants back, by number, and how they are without a program (xterm, "Private Modes"). */
const DEFAULTS: ReadonlyMap<number, boolean> = new Map([
  [1, false], // application cursor keys
  [7, true], // wrapping
  [9, false], // mouse, as the following up to 1016
  [25, true], // visible cursor
  [47, false], // alternate screen, as 1047 and 1049
  [1000, false],
  [1002, false],
  [1003, false],
  [1004, false], // focus events
  [1005, false],
  [1006, false],
  [1015, false],
  [1016, false],
  [1047, false],
  [1049, false],
  [2004, false], // bracketed paste
]);

const ESCAPE = "\u001b";
const INTRODUCER = `${ESCAPE}[?`;
const SWITCH = new RegExp(`^${ESCAPE}\\[\\?([\\d;]{1,64})([hl])`);
/** Bytes of the longest sequence that is followed. */
const LONGEST = 68;
/** A sequence that has begun at the end of what was seen. */
const BEGUN = new RegExp(`${ESCAPE}(\\[(\\?[\\d;]{0,64})?)?$`);

export class ScreenModes {
  readonly #changed = new Set<number>();
  #begun = Buffer.alloc(0);

  /** Output that the terminal shows, in any pieces. */
  see(output: Uint8Array): void {
    const bytes = Buffer.concat([this.#begun, output]);
    for (let at = bytes.indexOf(INTRODUCER); at >= 0; at = bytes.indexOf(INTRODUCER, at + 1)) {
      const [, numbers, letter] = SWITCH.exec(bytes.toString("latin1", at, at + LONGEST)) ?? [];
      for (const mode of numbers?.split(";").map(Number) ?? []) this.#note(mode, letter === "h");
    }
    this.#begun = Buffer.from(
      BEGUN.exec(bytes.toString("latin1", Math.max(0, bytes.length - LONGEST)))?.[0] ?? "",
      "latin1",
    );
  }

  /** What makes another terminal as this one is; empty when it is as usual. */
  redo(): string {
    return [...this.#changed].map((mode) => `${INTRODUCER}${mode}${DEFAULTS.get(mode) === true ? "l" : "h"}`).join("");
  }

  /** What puts the terminal back; empty when it is as it was. */
  undo(): string {
    const modes = [...this.#changed].toReversed();
    if (modes.length === 0) return "";
    const switches = modes.map((mode) => `${INTRODUCER}${mode}${DEFAULTS.get(mode) === true ? "h" : "l"}`);
    // Colours, too, and the numeric keypad.
    return `${switches.join("")}${ESCAPE}[0m${ESCAPE}>`;
  }

  #note(mode: number, on: boolean): void {
    const usual = DEFAULTS.get(mode);
    if (usual === undefined) return;
    if (on === usual) this.#changed.delete(mode);
    else this.#changed.add(mode);
  }
}
