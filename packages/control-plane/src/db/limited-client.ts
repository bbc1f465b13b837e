/**
 * Connections that answer in time, or end. Where packets are lost or a server hangs, nothing says that a connection is broken:
 * without a limit whoever asks on it would wait for ever, and it would stay in the pool.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { Client, type ClientConfig } from "pg";

/** A query of a request, from when it is asked for until its last row. */
export const QUERY_MS = 10_000;
/** One that waits until others are done with what they hold. */
const LOCK_MS = 30_000;
const WAITS = /\bpg_advisory_(xact_)?lock\(/i;

const limits = new AsyncLocalStorage<number>();

/** Queries of the work may take so long; `Infinity` for as long as they take. */
export function withQueryLimit<Result>(ms: number, work: () => PromiseLike<Result>): Promise<Result> {
  // A query of drizzle is asked when somebody awaits it.
  return limits.run(ms, async () => await work());
}

function limitOf(query: unknown): number {
  const text = typeof query === "string" ? query : (query as { text?: unknown }).text;
  return limits.getStore() ?? (WAITS.test(String(text)) ? LOCK_MS : QUERY_MS);
}

type Ask = (...args: unknown[]) => unknown;

/** The connection of a query that takes too long is cut, so whatever would be asked on it next fails, too. */
export class LimitedClient extends Client {
  /** Called when the connection was given up. */
  onStuck: (() => void) | undefined;

  constructor(config?: string | ClientConfig) {
    super(config);
    const ask = this.query.bind(this) as Ask;
    this.query = ((...args: unknown[]) => this.#within(limitOf(args[0]), ask, args)) as Client["query"];
  }

  #within(ms: number, ask: Ask, args: unknown[]): unknown {
    if (ms === Number.POSITIVE_INFINITY) return ask(...args);
    const timer = setTimeout(() => {
      this.connection.stream.destroy();
      this.onStuck?.();
    }, ms);
    // The driver is asked for a promise, or to call back.
    const callback = args.findIndex((arg) => typeof arg === "function");
    if (callback === -1) return (ask(...args) as Promise<unknown>).finally(() => clearTimeout(timer));
    const answer = args[callback] as Ask;
    const ending: Ask = (...answers) => {
      clearTimeout(timer);
      return answer(...answers);
    };
    return ask(...args.with(callback, ending));
  }
}
