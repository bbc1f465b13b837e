/** The creates and destroys that this process is working on: they outlive the requests that asked for them. */

export class Operations {
  readonly #running = new Map<string, Set<Promise<unknown>>>();

  /** Runs `body` as work on the capsule `id`. */
  async run<T>(id: string, body: () => Promise<T>): Promise<T> {
    const ofCapsule = this.#running.get(id) ?? new Set();
    this.#running.set(id, ofCapsule);
    // The body begins only after it is registered, so whoever sees its effects also sees it.
    const work = Promise.resolve().then(body);
    ofCapsule.add(work);
    try {
      return await work;
    } finally {
      ofCapsule.delete(work);
      if (ofCapsule.size === 0) this.#running.delete(id);
    }
  }

  /** True while this process works on the capsule: nobody else here decides about it. */
  has(id: string): boolean {
    return this.#running.has(id);
  }

  /** Resolves when nothing is running, whatever it ended with. */
  async drain(): Promise<void> {
    while (this.#running.size > 0) {
      await Promise.allSettled([...this.#running.values()].flatMap((ofCapsule) => [...ofCapsule]));
    }
  }
}
