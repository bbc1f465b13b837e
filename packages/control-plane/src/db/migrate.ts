/** Brings a database to the schema of this version. Safe to run by several replicas at once: an advisory lock lets one work. */
import { fileURLToPath } from "node:url";
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import type { Database } from "./database.ts";
import { withQueryLimit } from "./limited-client.ts";
import { ADVISORY_LOCKS } from "./locks.ts";

const MIGRATIONS = fileURLToPath(new URL("./migrations", import.meta.url));

export function migrateDatabase(db: Database): Promise<void> {
  return withQueryLimit(Number.POSITIVE_INFINITY, () => migrateWith(db));
}

async function migrateWith({ pool }: Database): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("SELECT pg_advisory_lock($1)", [ADVISORY_LOCKS.migrations]);
    await client.query("SET client_min_messages = warning");
    await migrate(drizzle(client), { migrationsFolder: MIGRATIONS });
  } finally {
    // The session ends, and with it the lock and the setting.
    client.release(true);
  }
}
