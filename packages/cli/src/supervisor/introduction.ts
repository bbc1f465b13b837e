/** How the servers of one box get to know each other: its host enrols at its control plane as one elsewhere does. */
import { setTimeout as sleep } from "node:timers/promises";
import { WrennError } from "@wrenn/protocol/errors";
import { HOST_QUESTIONS, type JoinRequest } from "@wrenn/runtime/host-questions";
import type { Logger } from "@wrenn/runtime/logger";
import type { Child } from "./child.ts";

const AGAIN_MS = { first: 250, most: 10_000 };
/** How long a start waits for what passes by itself. */
const PATIENCE_MS = 30_000;

export type Asked = Pick<Child, "ask" | "details">;

export interface IntroductionOptions {
  readonly hostAgent: Asked;
  readonly controlPlane: Asked;
  readonly logger: Logger;
  readonly patienceMs?: number;
}

export class Introduction {
  readonly #options: IntroductionOptions;
  readonly #closing = new AbortController();
  #last: Promise<void> = Promise.resolve();

  constructor(options: IntroductionOptions) {
    this.#options = options;
  }

  /**
   * The first one. What passes by itself, a database that is away for a moment, is tried again; where that takes long, it goes on
   * when this has resolved. @throws what either refuses for good
   */
  async begin(): Promise<void> {
    const { logger, patienceMs = PATIENCE_MS } = this.#options;
    const first = this.#untilDone(isPassing);
    this.#last = first.catch((error: unknown) => {
      logger.error({ err: error }, "the host agent and the control plane do not know each other");
    });
    const inTime = new AbortController();
    const timeUp = sleep(patienceMs, undefined, { signal: inTime.signal }).catch(() => {});
    await Promise.race([first, timeUp]).finally(() => inTime.abort());
  }

  /** After one of them was started again; the other one may be away too. */
  again(): void {
    this.#last = this.#last.then(() => this.#untilDone(() => true));
  }

  close(): void {
    this.#closing.abort();
  }

  /** @throws what `passes` does not say that it passes */
  async #untilDone(passes: (error: unknown) => boolean): Promise<void> {
    const { logger } = this.#options;
    const { signal } = this.#closing;
    let waitMs = AGAIN_MS.first;
    for (let failed = false; !signal.aborted; failed = true) {
      try {
        return await this.#introduce();
      } catch (error) {
        if (!passes(error)) throw error;
        // Once: it may go on for days.
        if (!failed) logger.warn({ err: error }, "the host agent and the control plane do not know each other yet");
      }
      await sleep(waitMs, undefined, { ref: false, signal }).catch(() => {});
      waitMs = Math.min(waitMs * 2, AGAIN_MS.most);
    }
  }

  /**
   * Whatever keeps the control plane from its host, a database that was put back or a folder that was lost: with a token and a new
   * key they find each other again. @throws what either refuses
   */
  async #introduce(): Promise<void> {
    const { hostAgent, controlPlane, logger } = this.#options;
    for (const anew of [false, true]) {
      const token = await controlPlane.ask(HOST_QUESTIONS.token);
      // This box is no host, or is none any more.
      if (typeof token !== "string") return;
      const url = String(controlPlane.details["url"]);
      await hostAgent.ask(HOST_QUESTIONS.join, { controlPlane: url, token, anew } satisfies JoinRequest);
      if ((await controlPlane.ask(HOST_QUESTIONS.online)) === true) return;
    }
    logger.error("the control plane does not reach the host agent of this box");
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof WrennError && error.spec.retryable;
}
