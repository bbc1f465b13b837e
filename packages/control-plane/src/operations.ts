/** What this process is working on, by the ids of capsules, snapshots and hosts: it outlives the requests that asked for it. */

/** How other control planes see it. */
export interface SharedClaims {
  take(ids: readonly string[]): Promise<void>;
  release(ids: readonly string[]): Promise<void>;
  among(ids: readonly string[]): Promise<Set<string>>;
}

/** For one that is alone. */
const ALONE: SharedClaims = { take: async () => {}, release: async () => {}, among: async () => new Set() };

export class Operations {
  readonly #running = new Map<string, Set<Promise<unknown>>>();
  readonly #claims: SharedClaims;

  constructor(claims: SharedClaims = ALONE) {
    this.#claims = claims;
  }

  /** Runs `body` as work on all of `ids`. */
  async run<T>(ids: string | readonly string[], body: () => Promise<T>): Promise<T> {
    const keys = typeof ids === "string" ? [ids] : ids;
    // The body begins only after it is registered, so whoever sees its effects also sees it.
    const work = this.#claims.take(keys).then(async () => {
      try {
        return await body();
      } finally {
        void this.#claims.release(keys);
      }
    });
    for (const id of keys) this.#begin(id, work);
    try {
      return await work;
    } finally {
      for (const id of keys) this.#end(id, work);
    }
  }

  /** Shows others that this process works on it, until it lets go or ends. */
  hold(id: string): Promise<void> {
    return this.#claims.take([id]);
  }

  /** Resolves when others see it, and never fails. */
  letGo(id: string): Promise<void> {
    return this.#claims.release([id]);
  }

  /** True while this process works on it: nobody else here decides about it. */
  has(id: string): boolean {
    return this.#running.has(id);
  }

  /** Those of the ids that some control plane works on. */
  async among(ids: readonly string[]): Promise<Set<string>> {
    const own = ids.filter((id) => this.has(id));
    return new Set([...own, ...(await this.#claims.among(ids))]);
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
