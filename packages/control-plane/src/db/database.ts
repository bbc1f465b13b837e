/** The connection pool and the one way to query: drizzle over `pg`, the same for the embedded and an outside PostgreSQL. */
import type { Logger } from "@wrenn/runtime/logger";
import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import { Pool } from "pg";
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

export class Database implements AsyncDisposable {
  readonly pool: Pool;
  readonly queries: NodePgDatabase<typeof schema>;

  constructor(url: string, logger: Logger) {
    this.pool = new Pool({
      connectionString: url,
      max: POOL_SIZE,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      idleTimeoutMillis: IDLE_TIMEOUT_MS,
      keepAlive: true,
      application_name: "wrenn-control-plane",
    });
    // An idle connection that breaks is replaced by the next query; without listeners it would end the process, and so would
    // one that breaks between two queries of a transaction, which the second of them then finds out.
    this.pool.on("connect", (client) => client.on("error", () => {}));
    this.pool.on("error", (error) => logger.warn({ event: "database_connection_lost", reason: error.message }));
    this.queries = drizzle(this.pool, { schema });
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
