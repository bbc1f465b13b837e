/** The user's terminal while it is handed over to a program elsewhere: every key goes there, and at the end all is as it was. */
import { spawnSync } from "node:child_process";
import type { ReadStream, WriteStream } from "node:tty";
import { ScreenModes } from "@wrenn/protocol/screen-modes";

export interface Size {
  readonly cols: number;
  readonly rows: number;
}

/** The size of a window; what is no window gets the usual one. */
export function sizeOf({ columns = 80, rows = 24 }: Partial<WriteStream>): Size {
  return { cols: columns, rows };
}

export class RawTerminal implements Disposable {
  readonly #input: ReadStream | undefined;
  readonly #output: WriteStream;
  readonly #modes = new ScreenModes();
  readonly #restore = () => this[Symbol.dispose]();
  /** Someone stopped this process and let it go on: the shell in between has set the terminal to its own liking. */
  readonly #continued = () => {
    // Node believes that it is raw already.
    this.#input?.setRawMode(false);
    this.#makeRaw();
    this.#onResize();
  };
  #onResize = () => {};
  #restored = false;

  /** @param input the keyboard; without it the terminal only shows output, and Ctrl-C stays this process's */
  constructor(output: WriteStream, input?: ReadStream) {
    this.#output = output;
    this.#input = input;
    this.#makeRaw();
    process.once("exit", this.#restore);
    process.on("SIGCONT", this.#continued);
  }

  get size(): Size {
    return sizeOf(this.#output);
  }

  /** Calls back at each change of the window's size. */
  onResize(callback: () => void): void {
    this.#onResize = callback;
    this.#output.on("resize", callback);
  }

  onKeys(callback: (keys: Buffer) => void): void {
    this.#input?.on("data", callback).resume();
  }

  /** Resolves when there is room for more. */
  async write(data: Buffer): Promise<void> {
    this.#modes.see(data);
    if (!this.#output.write(data)) await new Promise((resolve) => this.#output.once("drain", resolve));
  }

  /** Node's raw mode goes on turning LF into CR LF, where a full-screen program means to move down and no more. */
  #makeRaw(): void {
    if (this.#input === undefined) return;
    this.#input.setRawMode(true);
    spawnSync("stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] });
  }

  /** Reads no keys for a while; they wait. */
  pause(): void {
    this.#input?.pause();
  }

  resume(): void {
    if (!this.#restored) this.#input?.resume();
  }

  /** The terminal is the caller's again; a second time nothing happens. */
  [Symbol.dispose](): void {
    if (this.#restored) return;
    this.#restored = true;
    process.off("exit", this.#restore);
    process.off("SIGCONT", this.#continued);
    this.#output.off("resize", this.#onResize);
    this.#input?.removeAllListeners("data").pause();
    this.#input?.setRawMode(false);
    const undo = this.#modes.undo();
    if (undo !== "") this.#output.write(undo);
  }
}
