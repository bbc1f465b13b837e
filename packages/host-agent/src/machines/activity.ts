/** How a machine is used: what the idle timer and a pause need to know. */
import { utimes } from "node:fs/promises";
import { waitFor } from "@wrenn/runtime/wait";

/** The time of the last use is written down this often, so that it outlives the agent. */
const PRECISION_MS = 5000;

export class Activity {
  /** milliseconds since the epoch */
  lastActiveAt: number;
  /** when each use began that goes on */
  readonly #uses = new Set<{ readonly since: number }>();
  #writtenAt = 0;
  readonly #file: string;

  /** @param file its time of change is the time of the last use */
  constructor(file: string, lastActiveAt: number) {
    this.#file = file;
    this.lastActiveAt = lastActiveAt;
  }

  /** A use begins; call the result when it ends. While one goes on the machine is not idle. */
  begin(): () => void {
    const use = { since: performance.now() };
    this.#uses.add(use);
    this.touch();
    return () => {
      if (this.#uses.delete(use)) this.touch();
    };
  }

  get isInUse(): boolean {
    return this.#uses.size > 0;
  }

  touch(): void {
    const now = Date.now();
    this.lastActiveAt = now;
    if (now - this.#writtenAt < PRECISION_MS) return;
    this.#writtenAt = now;
    // A folder that is being removed has no use for it.
    utimes(this.#file, now / 1000, now / 1000).catch(() => {});
  }

  /** Milliseconds since its last use; 0 while one goes on. */
  idleMs(now: number): number {
    return this.#uses.size > 0 ? 0 : now - this.lastActiveAt;
  }

  /** Gives each use that goes on so long to end, from its beginning: what takes longer is a stream, and does not end by itself. */
  async drain(timeoutMs: number): Promise<void> {
    const mayEnd = () => [...this.#uses].some(({ since }) => performance.now() - since < timeoutMs);
    if (mayEnd()) await waitFor(() => !mayEnd(), { timeoutMs, intervalMs: 10 });
  }
}
