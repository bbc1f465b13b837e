/** Work that no request waits for. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "@wrenn/runtime/logger";
import { fromDatabaseError } from "./db/errors.ts";

/** How long the end of the process waits for it. */
const GRACE_MS = 5_000;

export class Background implements AsyncDisposable {
  readonly #logger: Logger;
  readonly #running = new Set<Promise<void>>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Begins `body`; what it throws is logged as `event`. */
  run(event: string, body: () => Promise<void>): void {
    const work = body()
      .catch((error: unknown) => this.#logger.error({ event, err: fromDatabaseError(error) }))
      .finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const grace = new AbortController();
    const timeUp = sleep(GRACE_MS, undefined, { signal: grace.signal }).catch(() => {});
    await Promise.race([Promise.all(this.#running), timeUp]);
    grace.abort();
  }
}
