/** Bounds how many wait at the same time for the same. */
import { WrennError } from "@wrenn/protocol/errors";

export class Waiting {
  readonly #max: number;
  readonly #counts = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** @throws rate_limited when enough wait already, and what the wait throws */
  async wait<T>(name: string, wait: () => Promise<T>): Promise<T> {
    const before = this.#counts.get(name) ?? 0;
    if (before >= this.#max)
      throw new WrennError("rate_limited", "too many connections that do not say whose they are");
    this.#counts.set(name, before + 1);
    try {
      return await wait();
    } finally {
      const now = (this.#counts.get(name) ?? 1) - 1;
      if (now === 0) this.#counts.delete(name);
      else this.#counts.set(name, now);
    }
  }
}
