/** Processes that ended a moment ago, for whoever comes late: until they are too old, too many or hold too much memory. */
import type { RunningProcess } from "./running-process.ts";

/** As envd has it. */
const KEPT_MS = 30_000;
const MAX_ENTRIES = 256;
/** bytes of output, of all of them */
const MAX_BYTES = 8 * 1024 * 1024;

/** Without what it was started with, which can be megabytes that nobody asks for any more. */
export interface EndedProcess {
  readonly process: RunningProcess;
  readonly tag: string | undefined;
}

interface Ended {
  readonly entry: EndedProcess;
  readonly expiresAt: number;
}

export class EndedProcesses {
  /** The oldest first. */
  readonly #ended = new Map<number, Ended>();
  #timer: NodeJS.Timeout | undefined;

  /** Keeps one that has just ended; another of the same pid is forgotten. */
  add({ process, tag }: EndedProcess): void {
    const { pid } = process;
    this.#ended.delete(pid);
    this.#ended.set(pid, { entry: { process, tag }, expiresAt: performance.now() + KEPT_MS });
    let bytes = 0;
    for (const { entry: kept } of this.#ended.values()) bytes += kept.process.output.size;
    for (const [oldest, { entry: kept }] of this.#ended) {
      if (this.#ended.size <= MAX_ENTRIES && bytes <= MAX_BYTES) break;
      bytes -= kept.process.output.size;
      this.#ended.delete(oldest);
    }
    this.#timer ??= setTimeout(this.#expire, KEPT_MS);
  }

  get(pid: number): EndedProcess | undefined {
    return this.#ended.get(pid)?.entry;
  }

  /** The latest one with the tag. */
  tagged(tag: string): EndedProcess | undefined {
    return [...this.#ended.values()].findLast(({ entry }) => entry.tag === tag)?.entry;
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#ended.clear();
  }

  readonly #expire = (): void => {
    this.#timer = undefined;
    const now = performance.now();
    for (const [pid, { expiresAt }] of this.#ended) {
      if (expiresAt > now) {
        this.#timer = setTimeout(this.#expire, expiresAt - now);
        return;
      }
      this.#ended.delete(pid);
    }
  };
}
