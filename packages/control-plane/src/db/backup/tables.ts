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

/**
 * For the rows of a backup: references are checked when the transaction ends, since rows may come before what they refer to, and
 * nothing else happens on their account, since what happened then is in the backup too.
 */
export async function beginBulk(client: ClientBase): Promise<void> {
  await setReferences(client, "DEFERRABLE INITIALLY DEFERRED");
  for (const table of await tableNames(client)) await client.query(`ALTER TABLE "${table}" DISABLE TRIGGER USER`);
}

/** Back to normal, with all references checked. */
export async function endBulk(client: ClientBase): Promise<void> {
  await client.query("SET CONSTRAINTS ALL IMMEDIATE");
  for (const table of await tableNames(client)) await client.query(`ALTER TABLE "${table}" ENABLE TRIGGER USER`);
  await setReferences(client, "NOT DEFERRABLE");
}

async function setReferences(client: ClientBase, how: string): Promise<void> {
  const { rows } = await client.query<{ relation: string; name: string }>(
    `SELECT conrelid::regclass::text AS relation, quote_ident(conname) AS name
     FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace`,
  );
  for (const { relation, name } of rows) await client.query(`ALTER TABLE ${relation} ALTER CONSTRAINT ${name} ${how}`);
}

/** Columns that number rows go on after the highest number that is there. */
export async function continueNumbers(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ relation: string; name: string }>(
    `SELECT quote_ident(table_name) AS relation, column_name AS name
     FROM information_schema.columns WHERE table_schema = 'public' AND is_identity = 'YES'`,
  );
  for (const { relation, name } of rows) {
    await client.query(
      `SELECT setval(pg_get_serial_sequence($1, $2), coalesce(max("${name}"), 0) + 1, false) FROM ${relation}`,
      [relation, name],
    );
  }
}
