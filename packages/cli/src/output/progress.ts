/** Progress of long work: one line a step, rewritten in place on a terminal, plain lines elsewhere. */
import { duration, note, style } from "./print.ts";

export interface StepEvent {
  readonly step: string;
  readonly status: "start" | "progress" | "done" | "cached";
  readonly message?: string;
  readonly ms?: number;
}

const CLEAR_LINE = "\r\u001b[2K";

export class Progress {
  readonly #live = process.stderr.isTTY;
  readonly #quiet: boolean;
  /** of the step that runs */
  #title = "";

  /** @param quiet prints nothing, for `--json` */
  constructor(quiet: boolean) {
    this.#quiet = quiet;
  }

  readonly report = (event: StepEvent): void => {
    if (this.#quiet) return;
    if (event.status === "start") this.#title = event.message ?? event.step;
    const detail = event.message === undefined ? "" : ` ${style(event.message, "dim")}`;
    const took = event.ms === undefined ? "" : ` ${style(duration(event.ms), "dim")}`;
    switch (event.status) {
      case "start":
        this.#transient(`${style("…", "cyan")} ${this.#title}`);
        if (!this.#live) note(`… ${this.#title}`);
        break;
      case "progress":
        this.#transient(`${style("…", "cyan")} ${this.#title}${detail}`);
        break;
      case "done":
        this.#final(`${style("✓", "green")} ${this.#title}${took}`);
        break;
      case "cached":
        this.#final(`${style("✓", "green")} ${event.message ?? event.step} ${style("already there", "dim")}`);
        break;
    }
  };

  #transient(line: string): void {
    if (this.#live)
      process.stderr.write(CLEAR_LINE + line.replaceAll("\n", " ").slice(0, (process.stderr.columns ?? 80) + 20));
  }

  #final(line: string): void {
    if (this.#live) process.stderr.write(CLEAR_LINE);
    note(line);
  }
}
