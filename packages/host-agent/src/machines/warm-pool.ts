/**
 * Machines that run already and have answered once, kept for the next creates: for each configured template and shape. They
 * belong to nobody; what is left of them after the agent died is swept.
 */
import type { Logger } from "@wrenn/runtime/logger";
import type { WarmTarget } from "../config.ts";
import type { WarmMachine } from "./warm.ts";

/** A machine that cannot be made is not tried again at once. */
const TRY_AGAIN_MS = 10_000;
/** The next is made when the owner of the last has had its first answers: starting a machine takes a whole core. */
const REFILL_AFTER_MS = 1000;

export type WarmShape = Omit<WarmTarget, "count">;

interface Shelf {
  readonly target: WarmTarget;
  readonly ready: WarmMachine[];
  filling: Promise<void>;
  isFilling: boolean;
}

export class WarmPool {
  readonly #shelves: readonly Shelf[];
  readonly #make: (shape: WarmShape) => Promise<WarmMachine>;
  readonly #logger: Logger;
  #later: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(targets: readonly WarmTarget[], make: (shape: WarmShape) => Promise<WarmMachine>, logger: Logger) {
    this.#shelves = targets.map((target) => ({ target, ready: [], filling: Promise.resolve(), isFilling: false }));
    this.#make = make;
    this.#logger = logger;
  }

  /** How many machines wait, by template; 0 for one that has none ready. */
  get waiting(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { target, ready } of this.#shelves)
      counts[target.template] = (counts[target.template] ?? 0) + ready.length;
    return counts;
  }

  /** A machine of that shape, now the caller's, or undefined when none is ready. */
  take({ template, vcpus, memoryMb }: WarmShape): WarmMachine | undefined {
    const shelf = this.#shelves.find(
      ({ target }) => target.template === template && target.vcpus === vcpus && target.memoryMb === memoryMb,
    );
    const machine = shelf?.ready.shift();
    if (machine !== undefined) this.#fillAfter(REFILL_AFTER_MS);
    return machine;
  }

  /** Starts to make what is missing, in the background. */
  fill(): void {
    for (const shelf of this.#shelves) {
      if (shelf.isFilling) continue;
      shelf.isFilling = true;
      shelf.filling = this.#fillShelf(shelf).finally(() => {
        shelf.isFilling = false;
      });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#later);
    await Promise.all(this.#shelves.map((shelf) => shelf.filling));
    await Promise.all(this.#shelves.flatMap((shelf) => shelf.ready.splice(0).map((machine) => machine.discard())));
  }

  async #fillShelf({ target, ready }: Shelf): Promise<void> {
    while (!this.#closed && ready.length < target.count) {
      try {
        const machine = await this.#make(target);
        ready.push(machine);
        void machine.vm.exited.then(() => this.#lost(ready, machine));
      } catch (error) {
        this.#logger.warn({ op: "warm", ...target, err: error }, "cannot make a machine ahead of time");
        this.#fillAfter(TRY_AGAIN_MS);
        return;
      }
    }
  }

  async #lost(ready: WarmMachine[], machine: WarmMachine): Promise<void> {
    const index = ready.indexOf(machine);
    if (index < 0 || this.#closed) return;
    ready.splice(index, 1);
    this.#logger.warn({ op: "warm", name: machine.name }, "a machine that was waiting for an owner ended");
    await machine.discard();
    this.#fillAfter(TRY_AGAIN_MS);
  }

  /** The last call counts. */
  #fillAfter(ms: number): void {
    clearTimeout(this.#later);
    this.#later = setTimeout(() => this.fill(), ms).unref();
  }
}
