/** Drops the page cache of a machine whose memory is nearly full of it: every page of it would be written at a pause. */
import { logError } from "../log.ts";
import type { Kernel } from "./kernel.ts";
import { shouldReclaim } from "./page-cache.ts";

/** Milliseconds: what follows the request that gave the occasion comes first. */
const LATER_MS = 1000;

export class Reclaimer {
  readonly #kernel: Kernel;
  #timer: NodeJS.Timeout | undefined;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Looks once, soon. It has no clock of its own: the host asks every running machine for its time once a minute. */
  checkSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#check().catch((error: unknown) => logError("reclaim", error));
    }, LATER_MS);
  }

  /** A machine that is about to be saved must not begin its next life with this. */
  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #check(): Promise<void> {
    if (shouldReclaim(this.#kernel.memory())) await this.#kernel.dropPageCache();
  }
}
