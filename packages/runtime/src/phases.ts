/** Milliseconds of each phase of one operation, in order of time: the log line, the API's timings and the benchmarks show the same numbers. */
import { performance } from "node:perf_hooks";

export class Phases {
  readonly #start = performance.now();
  #last = this.#start;
  readonly #entries: [name: string, ms: number][] = [];

  /** Ends the phase that began with the last mark. */
  mark(name: string): void {
    const now = performance.now();
    this.#entries.push([name, now - this.#last]);
    this.#last = now;
  }

  /** Each phase and their sum as "total", in tenths of milliseconds. */
  toRecord(): Record<string, number> {
    const total = performance.now() - this.#start;
    const rounded = [...this.#entries, ["total", total] as const].map(([name, ms]) => [name, Math.round(ms * 10) / 10]);
    return Object.fromEntries(rounded);
  }
}
