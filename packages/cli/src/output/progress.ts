/** Progress of long work: one line a step, rewritten in place on a terminal, plain lines elsewhere. */
import { duration, note, style } from "./print.ts";

export interface StepEvent {
  readonly step: string;
  readonly status: "start" | "progress" | "done" | "cached";
  readonly message?: string;
  readonly ms?: number;
}

export const CLEAR_LINE = "\r\u001b[2K";

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
    if (this.#live) transient(line);
  }

  #final(line: string): void {
    if (this.#live) process.stderr.write(CLEAR_LINE);
    note(line);
  }
}

const TICK_MS = 1000;

/**
 * Waits for `work`. When it takes longer than a second, a terminal shows what it is and how long it has taken, and at the end nothing
 * of that; elsewhere nothing is printed.
 * @param quiet prints nothing, for `--json`
 */
export async function showWaiting<T>(title: string, quiet: boolean, work: Promise<T>): Promise<T> {
  if (quiet || !process.stderr.isTTY) return work;
  const began = performance.now();
  const timer = setInterval(() => {
    transient(`${style("…", "cyan")} ${title} ${style(duration(performance.now() - began), "dim")}`);
  }, TICK_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    process.stderr.write(CLEAR_LINE);
  }
}

/** Writes a line over the one before. */
export function transient(line: string): void {
  process.stderr.write(CLEAR_LINE + line.replaceAll("\n", " ").slice(0, (process.stderr.columns ?? 80) + 20));
}
