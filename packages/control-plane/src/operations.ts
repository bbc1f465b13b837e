/** What this process is working on, by the ids of capsules and snapshots: it outlives the requests that asked for it. */

export class Operations {
  readonly #running = new Map<string, Set<Promise<unknown>>>();

  /** Runs `body` as work on all of `ids`. */
  async run<T>(ids: string | readonly string[], body: () => Promise<T>): Promise<T> {
    // The body begins only after it is registered, so whoever sees its effects also sees it.
    const work = Promise.resolve().then(body);
    const keys = typeof ids === "string" ? [ids] : ids;
    for (const id of keys) this.#begin(id, work);
    try {
      return await work;
    } finally {
      for (const id of keys) this.#end(id, work);
    }
  }

  /** True while this process works on it: nobody else here decides about it. */
  has(id: string): boolean {
    return this.#running.has(id);
  }

  /** Resolves when nothing is running, whatever it ended with. */
  async drain(): Promise<void> {
    while (this.#running.size > 0) {
      await Promise.allSettled([...this.#running.values()].flatMap((works) => [...works]));
    }
  }

  #begin(id: string, work: Promise<unknown>): void {
    const works = this.#running.get(id) ?? new Set();
    works.add(work);
    this.#running.set(id, works);
  }

  #end(id: string, work: Promise<unknown>): void {
    const works = this.#running.get(id);
    works?.delete(work);
    if (works?.size === 0) this.#running.delete(id);
  }
}
