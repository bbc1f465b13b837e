/**
 * Sends what waits in `deliveries`, on every control plane at once: a delivery is claimed for a while, and is another's when that is over.
 * Each channel has a few requests of its own at a time, so a slow receiver delays nothing but its own deliveries.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { WrennError } from "@wrenn/protocol/errors";
import type { Provider } from "@wrenn/protocol/rest/channels";
import { and, eq, ne, sql } from "drizzle-orm";
import type { PgUpdateSetSource } from "drizzle-orm/pg-core";
import { deliveries } from "../db/schema.ts";
import type { Event } from "../events/event.ts";
import type { ChannelDeps } from "./deps.ts";
import { PROVIDERS } from "./providers.ts";

/** Requests at a time of one control plane, to one channel and to all. */
const AT_A_TIME = { channel: 4, all: 256 };
/** Longer than an attempt can take. */
const CLAIM_SEC = 30;
/** How long the end waits for answers. */
const GRACE_MS = 3_000;

export interface DeliveryTimes {
  /** milliseconds between two looks for what is due */
  readonly pollMs: number;
  /** milliseconds before the second attempt, the third one …; after the last one the delivery is dead */
  readonly retryMs: readonly number[];
}

const TIMES: DeliveryTimes = { pollMs: 1_000, retryMs: [10, 30, 120, 600, 2_700].map((seconds) => seconds * 1_000) };

type Claimed = {
  readonly id: string;
  readonly channel_id: string;
  /** this one included */
  readonly attempts: number;
  readonly payload: Event;
  readonly provider: Provider;
  readonly config: string;
};

export class Deliverer implements AsyncDisposable {
  readonly #deps: ChannelDeps;
  readonly #times: DeliveryTimes;
  readonly #closing = new AbortController();
  readonly #cutOff = new AbortController();
  /** what is being sent, by channel */
  readonly #sending = new Map<string, Promise<unknown>>();
  #inFlight = 0;
  #pause = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(deps: ChannelDeps, times = TIMES) {
    this.#deps = deps;
    this.#times = times;
  }

  start(): this {
    this.#loop = this.#run();
    return this;
  }

  /** Claims nothing more; attempts that have no answer in a moment are given back. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#pause.abort();
    await this.#loop;
    const grace = setTimeout(() => this.#cutOff.abort(), GRACE_MS);
    await Promise.all(this.#sending.values());
    clearTimeout(grace);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      this.#pause = new AbortController();
      try {
        this.#send(await this.#claim());
      } catch (err) {
        this.#deps.logger.warn({ event: "deliveries_not_claimed", err });
      }
      const { signal } = this.#pause;
      if (!this.#closing.signal.aborted) await sleep(this.#times.pollMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Due deliveries of channels that nothing is being sent to here, some of each. */
  async #claim(): Promise<Claimed[]> {
    const busy = `{${[...this.#sending.keys()].join(",")}}`;
    const due = sql`status = 'pending' and next_attempt_at <= now()`;
    const { rows } = await this.#deps.db.queries.execute<Claimed>(sql`
      with ready as (select distinct channel_id from deliveries where ${due} and channel_id <> all(${busy}::uuid[])),
      due as (
        select picked.id from ready, lateral (
          select id from deliveries where channel_id = ready.channel_id and ${due}
          order by next_attempt_at limit ${AT_A_TIME.channel} for update skip locked
        ) as picked limit ${AT_A_TIME.all - this.#inFlight}
      )
      update deliveries
      set attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => ${CLAIM_SEC})
      from due, channels where deliveries.id = due.id and channels.id = deliveries.channel_id
      returning deliveries.id, channel_id, attempts, payload, provider, config`);
    return rows;
  }

  #send(claimed: readonly Claimed[]): void {
    this.#inFlight += claimed.length;
    for (const [channel, some] of Map.groupBy(claimed, ({ channel_id }) => channel_id)) {
      const sent = Promise.all(some.map((one) => this.#deliver(one))).finally(() => {
        this.#inFlight -= some.length;
        this.#sending.delete(channel);
        // There may be more for it.
        this.#pause.abort();
      });
      this.#sending.set(channel, sent);
    }
  }

  /** Never throws: what cannot be written down now is sent again when its claim is over. */
  async #deliver(claimed: Claimed): Promise<void> {
    const { id, channel_id: channel, attempts } = claimed;
    const { logger } = this.#deps;
    try {
      const failure = await this.#attempt(claimed);
      if (failure === undefined) await this.#delivered(id);
      else if (this.#cutOff.signal.aborted) await this.#giveBack(claimed);
      else await this.#failed(claimed, failure);
      logger.info({ event: "delivery_attempt", delivery: id, channel, attempts, failure });
    } catch (err) {
      logger.warn({ event: "delivery_not_noted", delivery: id, channel, attempts, err });
    }
  }

  /** Why it failed; undefined when it did not. */
  async #attempt({ id, channel_id: channel, payload, provider, config }: Claimed): Promise<string | undefined> {
    const { encryption, outbound } = this.#deps;
    try {
      const known = JSON.parse(encryption.decrypt(config, channel)) as Record<string, string>;
      await outbound.send(PROVIDERS[provider].request(known, { id, event: payload }), this.#cutOff.signal);
      return undefined;
    } catch (error) {
      return WrennError.from(error).message;
    }
  }

  async #delivered(id: string): Promise<void> {
    const { queries } = this.#deps.db;
    const ended = { status: "delivered", deliveredAt: sql`now()`, nextAttemptAt: null, lastError: null } as const;
    await queries
      .update(deliveries)
      .set(ended)
      .where(and(eq(deliveries.id, id), ne(deliveries.status, "delivered")));
  }

  async #failed(claimed: Claimed, lastError: string): Promise<void> {
    const delayMs = this.#times.retryMs[claimed.attempts - 1];
    if (delayMs === undefined) {
      const { id: delivery, channel_id: channel } = claimed;
      this.#deps.logger.warn({ event: "delivery_dead", delivery, channel, reason: lastError });
    }
    const next = delayMs === undefined ? null : sql`now() + make_interval(secs => ${delayMs / 1000})`;
    await this.#note(claimed, {
      lastError,
      nextAttemptAt: next,
      ...(next === null ? { status: "dead" as const } : {}),
    });
  }

  #giveBack(claimed: Claimed): Promise<void> {
    return this.#note(claimed, { attempts: claimed.attempts - 1, nextAttemptAt: sql`now()` });
  }

  /** Nothing when the claim was over before, and somebody else has it now. */
  async #note({ id, attempts }: Claimed, changes: PgUpdateSetSource<typeof deliveries>): Promise<void> {
    await this.#deps.db.queries
      .update(deliveries)
      .set(changes)
      .where(and(eq(deliveries.id, id), eq(deliveries.attempts, attempts), eq(deliveries.status, "pending")));
  }
}
