/** Room for bytes that wait. Who waits for room gets it in turn. */
interface Waiter {
  readonly bytes: number;
  readonly onTaken: () => void;
}

export class Room {
  #free: number;
  readonly #waiters = new Set<Waiter>();

  /** @param capacity bytes */
  constructor(capacity: number) {
    this.#free = capacity;
  }

  /** Takes it if it is there and nobody waits for it. */
  tryTake(bytes: number): boolean {
    if (this.#waiters.size > 0 || bytes > this.#free) return false;
    this.#free -= bytes;
    return true;
  }

  /** Resolves when it is taken, with true; with false if the signal comes first. @param bytes at most the capacity */
  take(bytes: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    if (this.tryTake(bytes)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const onAbort = (): void => {
        this.#waiters.delete(waiter);
        resolve(false);
        this.give(0);
      };
      const onTaken = (): void => {
        signal.removeEventListener("abort", onAbort);
        resolve(true);
      };
      const waiter = { bytes, onTaken };
      this.#waiters.add(waiter);
      signal.addEventListener("abort", onAbort);
    });
  }

  give(bytes: number): void {
    this.#free += bytes;
    for (const waiter of this.#waiters) {
      if (waiter.bytes > this.#free) return;
      this.#waiters.delete(waiter);
      this.#free -= waiter.bytes;
      waiter.onTaken();
    }
  }
}
