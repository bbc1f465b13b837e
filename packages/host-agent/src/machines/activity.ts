/** How a machine is used: what the idle timer and a pause need to know. */
import { utimes } from "node:fs/promises";
import { waitFor } from "@wrenn/runtime/wait";

/** The time of the last use is written down this often, so that it outlives the agent. */
const PRECISION_MS = 5000;

export class Activity {
  /** milliseconds since the epoch */
  lastActiveAt: number;
  #inFlight = 0;
  #writtenAt = 0;
  readonly #file: string;

  /** @param file its time of change is the time of the last use */
  constructor(file: string, lastActiveAt: number) {
    this.#file = file;
    this.lastActiveAt = lastActiveAt;
  }

  /** A use begins; call the result when it ends. While one goes on the machine is not idle. */
  begin(): () => void {
    this.#inFlight++;
    this.touch();
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.#inFlight--;
      this.touch();
    };
  }

  get isInUse(): boolean {
    return this.#inFlight > 0;
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
    return this.#inFlight > 0 ? 0 : now - this.lastActiveAt;
  }

  /** Gives uses that go on the time to end. */
  async drain(timeoutMs: number): Promise<void> {
    if (this.#inFlight > 0) await waitFor(() => this.#inFlight === 0, { timeoutMs, intervalMs: 10 });
  }
}
