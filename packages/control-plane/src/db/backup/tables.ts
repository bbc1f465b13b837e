/** What a backup is of: all tables of the platform, as the database itself names them. */
import { WrennError } from "@wrenn/protocol/errors";
import type { ClientBase } from "pg";

/** In an order that is always the same. */
export async function tableNames(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename",
  );
  return rows.map(({ name }) => name);
}

/** Hash of the newest migration. @throws conflict for a database that has none */
export async function newestMigration(client: ClientBase): Promise<string> {
  const { rows: found } = await client.query<{ exists: boolean }>(
    "SELECT to_regclass('drizzle.__drizzle_migrations') IS NOT NULL AS exists",
  );
  if (found[0]?.exists !== true) throw noSchema();
  const { rows } = await client.query<{ hash: string }>(
    "SELECT hash FROM drizzle.__drizzle_migrations ORDER BY created_at DESC LIMIT 1",
  );
  const [newest] = rows;
  if (newest === undefined) throw noSchema();
  return newest.hash;
}

function noSchema(): WrennError {
  return new WrennError("conflict", "the database has never been used: there is nothing to back up");
}

/** References between tables that rows may come before what they refer to, until the transaction ends. */
export async function deferReferences(client: ClientBase, deferrable: boolean): Promise<void> {
  const { rows } = await client.query<{ relation: string; name: string }>(
    `SELECT conrelid::regclass::text AS relation, quote_ident(conname) AS name
     FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace`,
  );
  const how = deferrable ? "DEFERRABLE INITIALLY DEFERRED" : "NOT DEFERRABLE";
  for (const { relation, name } of rows) await client.query(`ALTER TABLE ${relation} ALTER CONSTRAINT ${name} ${how}`);
}
