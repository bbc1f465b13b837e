/** Follows one host's stream of machines for as long as the control plane runs. It knows nothing of what they mean. */
import { setTimeout as sleep } from "node:timers/promises";
import { WrennError } from "@wrenn/protocol/errors";
import type { GetHostResponse, WatchSandboxesResponse } from "@wrenn/protocol/gen/hostagent_pb";
import type { HostClient } from "./clients.ts";
import { hostError } from "./errors.ts";

/** How long after an attempt the next one is made: twice as long each time, and at most so. One that has never been there may never be. */
const RETRY_MS = { first: 50, most: 15_000, mostOfUnknown: 120_000 };
const HELLO_TIMEOUT_MS = 10_000;
/** A host sends at least a keep-alive within this time, or the connection is dead. */
const SILENCE_MS = 120_000;

export interface WatchHandlers {
  /** The host answers; its stream follows. */
  connected(host: GetHostResponse): Promise<void>;
  /** One message of the stream; the first one is a snapshot. */
  event(event: WatchSandboxesResponse["event"]): Promise<void>;
  /** The stream cannot be had or broke; it is tried again. */
  lost(error: WrennError): Promise<void>;
  /** One of the first two threw, which says nothing of the host; the stream is begun anew. */
  failed(error: unknown): void;
}

/** What a handler threw. */
class OwnFailure extends Error {}

async function handled(work: Promise<void>): Promise<void> {
  await work.catch((cause: unknown) => {
    throw new OwnFailure("a handler failed", { cause });
  });
}

export class HostWatch implements AsyncDisposable {
  readonly #client: HostClient;
  readonly #handlers: WatchHandlers;
  readonly #closing = new AbortController();
  readonly #done: Promise<void>;
  #most: number;
  readonly #tried = Promise.withResolvers<void>();
  /** ends the pause before the next attempt */
  #now = new AbortController();

  /** @param known the host has answered before */
  constructor(client: HostClient, handlers: WatchHandlers, known: boolean) {
    this.#most = known ? RETRY_MS.most : RETRY_MS.mostOfUnknown;
    this.#client = client;
    this.#handlers = handlers;
    this.#done = this.#run();
  }

  /** Resolves after the first snapshot was handled or the first attempt failed. */
  get tried(): Promise<void> {
    return this.#tried.promise;
  }

  /** There is reason to think that the host answers now. */
  tryNow(): void {
    this.#now.abort();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#done;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let pause = RETRY_MS.first;
    while (!signal.aborted) {
      this.#now = new AbortController();
      try {
        await this.#follow(() => {
          pause = RETRY_MS.first;
          this.#most = RETRY_MS.most;
          this.#tried.resolve();
        });
      } catch (error) {
        if (error instanceof OwnFailure) this.#handlers.failed(error.cause);
        else if (!signal.aborted) await this.#handlers.lost(hostError(error));
      }
      this.#tried.resolve();
      await sleep(pause, undefined, { signal: AbortSignal.any([signal, this.#now.signal]) }).catch(() => {});
      pause = Math.min(pause * 2, this.#most);
    }
  }

  async #follow(onEvent: () => void): Promise<never> {
    const silence = new AbortController();
    const signal = AbortSignal.any([this.#closing.signal, silence.signal]);
    const host = await this.#client.unary.getHost({}, { signal, timeoutMs: HELLO_TIMEOUT_MS });
    await handled(this.#handlers.connected(host));
    const timer = setTimeout(() => silence.abort(), SILENCE_MS);
    try {
      for await (const { event } of this.#client.stream.watchSandboxes({}, { signal })) {
        timer.refresh();
        await handled(this.#handlers.event(event));
        onEvent();
      }
    } finally {
      clearTimeout(timer);
    }
    throw new WrennError("host_unavailable", "the host agent ended its stream");
  }
}
