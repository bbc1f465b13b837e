/** The connection pool and the one way to query: drizzle over `pg`, the same for the embedded and an outside PostgreSQL. */
import { AsyncResource } from "node:async_hooks";
import type { Logger } from "@wrenn/runtime/logger";
import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import { type ClientBase, Pool, type PoolClient } from "pg";
import { LimitedClient } from "./limited-client.ts";
import * as schema from "./schema.ts";

/** What queries run on: the pool, or a transaction of it. */
export type Queries = Pick<
  NodePgDatabase<typeof schema>,
  "select" | "insert" | "update" | "delete" | "execute" | "with" | "$with"
>;

/** Connections of one control plane; the embedded PostgreSQL allows 60 in all. */
const POOL_SIZE = 16;
const CONNECT_TIMEOUT_MS = 5_000;
const IDLE_TIMEOUT_MS = 300_000;
/** An idle connection is probed after that, and given up some ten seconds later. */
const KEEP_ALIVE_MS = 10_000;

/** How often PostgreSQL looks whether somebody still waits for a query's answer, a lock's for example: one that was cut ends then. */
const CHECK_CLIENT = "SET client_connection_check_interval = '2s'";

/** How long the end waits for what still runs: all who ask have ended, so it is what nothing comes of. */
const END_MS = 3_000;

/** Not every system that PostgreSQL runs on can. */
async function haveClientChecked(client: ClientBase): Promise<void> {
  await client.query(CHECK_CLIENT).catch(() => {});
}

/** The pool waits for it, though its type does not say so. */
const HOOKS = { onConnect: haveClientChecked };

type Connected = Parameters<Pool["connect"]>[0];

/** Whoever waited for a connection goes on with limits of its own, not with those of whoever gave it back. */
class LimitedPool extends Pool {
  override connect(): Promise<PoolClient>;
  override connect(callback: Connected): void;
  override connect(callback?: Connected): Promise<PoolClient> | void {
    return callback === undefined ? super.connect() : super.connect(AsyncResource.bind(callback));
  }
}

function cut(clients: Iterable<PoolClient>): void {
  for (const client of clients) client.connection.stream.destroy();
}

export class Database implements AsyncDisposable {
  readonly pool: Pool;
  readonly queries: NodePgDatabase<typeof schema>;
  readonly #logger: Logger;
  readonly #open = new Set<PoolClient>();
  readonly #idle = new Set<PoolClient>();

  constructor(url: string, logger: Logger) {
    this.#logger = logger;
    this.pool = new LimitedPool({
      connectionString: url,
      Client: LimitedClient,
      max: POOL_SIZE,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      idleTimeoutMillis: IDLE_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      ...HOOKS,
      application_name: "wrenn-control-plane",
    });
    // An idle connection that breaks is replaced by the next query; without listeners it would end the process, and so would
    // one that breaks between two queries of a transaction, which the second of them then finds out.
    this.pool.on("connect", (client) => {
      this.#open.add(client);
      client.on("error", () => {});
      if (client instanceof LimitedClient) client.onStuck = () => this.#giveUpIdle();
    });
    this.pool.on("acquire", (client) => this.#idle.delete(client));
    this.pool.on("release", (_error, client) => this.#idle.add(client));
    this.pool.on("remove", (client) => {
      this.#open.delete(client);
      this.#idle.delete(client);
    });
    this.pool.on("error", (error) => logger.warn({ event: "database_connection_lost", reason: error.message }));
    this.queries = drizzle(this.pool, { schema });
  }

  async close(): Promise<void> {
    const timeUp = setTimeout(() => cut(this.#open), END_MS);
    await this.pool.end();
    clearTimeout(timeUp);
  }

  /** What made one connection silent did so to others, too: else each would cost another request its time. */
  #giveUpIdle(): void {
    this.#logger.warn({ event: "database_connection_stuck", idle: this.#idle.size });
    cut(this.#idle);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
