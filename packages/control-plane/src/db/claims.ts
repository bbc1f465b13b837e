/**
 * What each control plane works on, for the others to see: shared advisory locks of one connection, which PostgreSQL gives up
 * when that process ends, however it ends. They keep nobody from anything; whoever decides about something looks first whether
 * somebody works on it.
 */
import type { Logger } from "@wrenn/runtime/logger";
import { sql } from "drizzle-orm";
import type { Database } from "./database.ts";
import { LimitedClient, QUERY_MS, withQueryLimit } from "./limited-client.ts";

const RETRY_MS = 250;
const MAX_ATTEMPTS = 2;
/** For the goodbye of the connection: one that is broken would never have ended. */
const END_MS = 1_000;

/** The lock's number: 64 bits of the UUID. */
function keyOf(uuid: string): string {
  return String(BigInt.asIntN(64, BigInt(`0x${uuid.replaceAll("-", "").slice(0, 16)}`)));
}

export class Claims implements AsyncDisposable {
  readonly #db: Database;
  readonly #logger: Logger;
  /** how many here work on it */
  readonly #held = new Map<string, number>();
  #connecting: Promise<void> | undefined;
  /** the connection, from the moment on that what is held is being locked on it */
  #queue: Queue | undefined;
  #closed = false;

  constructor(db: Database, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
  }

  /** @param ids UUIDs. @throws the driver's error when the database does not answer */
  async take(ids: readonly string[]): Promise<void> {
    const fresh = ids.filter((id) => !this.#held.has(id));
    for (const id of ids) this.#held.set(id, (this.#held.get(id) ?? 0) + 1);
    try {
      await this.#lock(fresh);
    } catch (error) {
      void this.release(ids);
      throw error;
    }
  }

  /** Resolves when others see it, and never fails: the locks of a connection that broke are gone already. */
  async release(ids: readonly string[]): Promise<void> {
    const free = ids.filter((id) => {
      const rest = (this.#held.get(id) ?? 1) - 1;
      if (rest > 0) this.#held.set(id, rest);
      else this.#held.delete(id);
      return rest === 0;
    });
    if (free.length > 0) await this.#queue?.unlock(free).catch(() => {});
  }

  /** Those of the ids that some control plane, this one included, works on. */
  async among(ids: readonly string[]): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const { rows } = await this.#db.queries.execute<{ key: string }>(sql`
      SELECT ((classid::bigint << 32) | objid::bigint)::text AS key FROM pg_locks
      WHERE locktype = 'advisory' AND objsubid = 1 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`);
    const keys = new Set(rows.map(({ key }) => key));
    return new Set(ids.filter((id) => keys.has(keyOf(id))));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#connecting?.catch(() => {});
    if (this.#queue !== undefined) await end(this.#queue.client);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A connection that breaks meanwhile is made anew, once: that is no reason to refuse the work. */
  async #lock(fresh: readonly string[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const queue = this.#queue;
      try {
        if (queue === undefined) await this.#connected();
        else if (fresh.length > 0) await queue.lock(fresh);
        return;
      } catch (error) {
        if (queue !== undefined) this.#lost(queue.client);
        if (attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  #connected(): Promise<void> {
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connect(): Promise<void> {
    const client = new LimitedClient({ ...this.#db.pool.options, application_name: "wrenn-claims" });
    // A client that has had an error takes no query any more, a while before its connection ends.
    client.on("error", () => this.#lost(client));
    client.once("end", () => this.#lost(client));
    try {
      await client.connect();
      const queue = new Queue(client);
      this.#queue = queue;
      // What goes on here while there was no connection; what is taken from now on is locked by whoever takes it.
      await queue.lock([...this.#held.keys()]);
    } catch (error) {
      if (this.#queue?.client === client) this.#queue = undefined;
      void client.end().catch(() => {});
      throw error;
    }
  }

  #lost(client: LimitedClient): void {
    if (this.#queue?.client !== client) return;
    this.#queue = undefined;
    void client.end().catch(() => {});
    this.#takeAgain();
  }

  #takeAgain(): void {
    if (this.#closed || this.#held.size === 0) return;
    this.#logger.warn({ event: "claims_lost", count: this.#held.size });
    const again = (): void => {
      if (this.#closed || this.#held.size === 0 || this.#queue !== undefined) return;
      this.#connected().catch(() => setTimeout(again, RETRY_MS).unref());
    };
    again();
  }
}

async function end(client: LimitedClient): Promise<void> {
  const timeUp = setTimeout(() => client.connection.stream.destroy(), END_MS);
  await client.end().catch(() => {});
  clearTimeout(timeUp);
}

/** A client that runs one query after the other. */
class Queue {
  readonly client: LimitedClient;
  #last: Promise<unknown> = Promise.resolve();

  constructor(client: LimitedClient) {
    this.client = client;
  }

  lock(ids: readonly string[]): Promise<void> {
    return this.#run("pg_advisory_lock_shared", ids);
  }

  unlock(ids: readonly string[]): Promise<void> {
    return this.#run("pg_advisory_unlock_shared", ids);
  }

  #run(call: string, ids: readonly string[]): Promise<void> {
    const query = { name: call, text: `SELECT ${call}(key) FROM unnest($1::bigint[]) key`, values: [ids.map(keyOf)] };
    const done = this.#last.then(async () => {
      await withQueryLimit(QUERY_MS, () => this.client.query(query));
    });
    this.#last = done.catch(() => {});
    return done;
  }
}
