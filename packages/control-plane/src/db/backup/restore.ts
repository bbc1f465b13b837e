/** Puts a backup into an empty database, all of it or nothing. */
import { WrennError } from "@wrenn/protocol/errors";
import type { ClientBase } from "pg";
import { parseHeader, type Row, rowsOf } from "./format.ts";
import { beginBulk, continueNumbers, endBulk, newestMigration, tableNames } from "./tables.ts";

/** Rows of one statement. */
const BATCH = 500;
/** What let somebody in when the backup was made may have been ended since; a new one is quickly had. */
const NOT_PUT_BACK = new Set(["sessions", "mail_tokens", "idempotency_keys"]);

export interface Restored {
  readonly rows: number;
  /** keys that let somebody in again, revoked since or not */
  readonly apiKeys: number;
  /** the same of what hosts enrol with and renew their credentials with */
  readonly hostTokens: number;
}

/**
 * @param lines of the backup
 * @param revokeKeys leaves out API keys, and tokens that hosts enrol with
 * @throws invalid_request for what is no backup, conflict for one of another version or a database that is not empty
 */
export async function restore(
  client: ClientBase,
  lines: AsyncIterator<string>,
  { revokeKeys }: { readonly revokeKeys: boolean },
): Promise<Restored> {
  const { value } = (await lines.next()) as { value: string | undefined };
  const { migration } = parseHeader(value);
  if (migration !== (await newestMigration(client))) {
    throw new WrennError(
      "conflict",
      "the backup is of another version of Wrenn: restore it with that one, then upgrade",
    );
  }
  await client.query("BEGIN");
  try {
    const tables = await tableNames(client);
    await requireEmpty(client, tables);
    await beginBulk(client);
    const rows = await insertAll(client, new Set(tables), rowsOf({ [Symbol.asyncIterator]: () => lines }));
    if (revokeKeys) await revokeAll(client);
    await endBulk(client);
    await continueNumbers(client);
    const apiKeys = await valid(client, "api_keys");
    const hostTokens = await valid(client, "host_tokens");
    await client.query("COMMIT");
    return { rows, apiKeys, hostTokens };
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  }
}

async function requireEmpty(client: ClientBase, tables: readonly string[]): Promise<void> {
  for (const table of tables) {
    const { rowCount } = await client.query(`SELECT FROM "${table}" LIMIT 1`);
    if (rowCount !== 0) throw new WrennError("conflict", `the database is not empty: there are rows in ${table}`);
  }
}

/** Hosts that have enrolled keep what they renew their credentials with: without it each would have to enrol anew. */
async function revokeAll(client: ClientBase): Promise<void> {
  // What no user made a folder keeps in a file, and the next start would make it valid again.
  await client.query(
    "INSERT INTO revoked_keys (key_hash) SELECT key_hash FROM api_keys WHERE created_by IS NULL ON CONFLICT DO NOTHING",
  );
  await client.query("DELETE FROM api_keys");
  await client.query("DELETE FROM host_tokens WHERE purpose = 'registration'");
}

async function valid(client: ClientBase, table: "api_keys" | "host_tokens"): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM ${table} WHERE coalesce(expires_at > now(), true)`,
  );
  return rows[0]?.count ?? 0;
}

async function insertAll(client: ClientBase, known: ReadonlySet<string>, rows: AsyncIterable<Row>): Promise<number> {
  let [count, table, batch] = [0, "", [] as Row[1][]];
  const flush = async () => {
    if (batch.length === 0) return;
    const values = JSON.stringify(batch);
    await client.query(
      `INSERT INTO "${table}" OVERRIDING SYSTEM VALUE SELECT * FROM jsonb_populate_recordset(NULL::"${table}", $1)`,
      [values],
    );
    batch = [];
  };
  for await (const [name, row] of rows) {
    if (!known.has(name)) throw new WrennError("invalid_request", `the backup has rows of ${name}, which is no table`);
    if (NOT_PUT_BACK.has(name)) continue;
    if (name !== table || batch.length === BATCH) await flush();
    table = name;
    batch.push(row);
    count += 1;
  }
  await flush();
  return count;
}
