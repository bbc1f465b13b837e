/** Concurrency within one process: one holder per key, bounded parallelism, one flight for many callers. */

/** A lock per key; waiters are served in order. */
export class KeyedMutex {
  readonly #tails = new Map<string, Promise<unknown>>();

  async run<T>(key: string, body: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const mine = before.then(body, body);
    const tail = mine.catch(() => {});
    this.#tails.set(key, tail);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }

  get size(): number {
    return this.#tails.size;
  }
}

/** At most `limit` bodies run at once; the others wait in order. */
export class Semaphore {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.#free = limit;
  }

  /**
   * @param wanted whoever waits leaves the queue when it is aborted; a body that has its turn is not told
   * @throws the reason of `wanted`
   */
  async run<T>(body: () => Promise<T>, wanted?: AbortSignal): Promise<T> {
    await this.#enter(wanted);
    try {
      return await body();
    } finally {
      this.#leave();
    }
  }

  async #enter(wanted: AbortSignal | undefined): Promise<void> {
    wanted?.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    const turn = Promise.withResolvers<void>();
    this.#waiting.add(turn.resolve);
    // One whose turn has come is no longer in the queue: it gives its turn back when its body ends.
    const giveUp = () => {
      if (this.#waiting.delete(turn.resolve)) turn.reject(wanted?.reason);
    };
    wanted?.addEventListener("abort", giveUp, { once: true });
    try {
      await turn.promise;
    } finally {
      wanted?.removeEventListener("abort", giveUp);
    }
  }

  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}

/** Callers of a key that is in flight share its result; nothing is cached after it. */
export class Singleflight<T> {
  readonly #flights = new Map<string, Promise<T>>();

  run(key: string, body: () => Promise<T>): Promise<T> {
    const existing = this.#flights.get(key);
    if (existing !== undefined) return existing;
    const flight = body().finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }
}
