/**
 * Follows which modes of a terminal a program switches (the alternate screen, the mouse, a hidden cursor, …), so that a terminal that is left
 * in the middle of a program can be put back.
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
const SWITCH = new RegExp(`${ESCAPE}\\[\\?([\\d;]{1,64})([hl])`, "g");
/** A sequence that has begun at the end of what was seen. */
const BEGUN = new RegExp(`${ESCAPE}(\\[(\\?[\\d;]{0,64})?)?$`);

export class ScreenModes {
  readonly #changed = new Set<number>();
  #begun = "";

  /** Output that the terminal shows, in any pieces. */
  see(output: Buffer): void {
    const text = this.#begun + output.toString("latin1");
    for (const [, numbers = "", letter] of text.matchAll(SWITCH)) {
      for (const mode of numbers.split(";").map(Number)) this.#note(mode, letter === "h");
    }
    this.#begun = BEGUN.exec(text.slice(-70))?.[0] ?? "";
  }

  /** What puts the terminal back; empty when it is as it was. */
  undo(): string {
    const modes = [...this.#changed].toReversed();
    if (modes.length === 0) return "";
    const switches = modes.map((mode) => `${ESCAPE}[?${mode}${DEFAULTS.get(mode) === true ? "h" : "l"}`);
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
