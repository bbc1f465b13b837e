/** Writes a backup: everything as of one moment, while the platform goes on. */
import type { ClientBase } from "pg";
import { headerLine, rowLine, trailerLine } from "./format.ts";
import { newestMigration, tableNames } from "./tables.ts";

/** Rows that are in memory at a time. */
const BATCH = 1000;

/** The lines of the backup. To be read to the end, or the transaction stays open. */
export async function* dump(client: ClientBase): AsyncGenerator<string> {
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  try {
    yield headerLine(await newestMigration(client));
    let rows = 0;
    for (const table of await tableNames(client)) {
      for await (const row of rowsOf(client, table)) {
        rows += 1;
        yield rowLine(table, row);
      }
    }
    yield trailerLine(rows);
  } finally {
    await client.query("ROLLBACK");
  }
}

async function* rowsOf(client: ClientBase, table: string): AsyncGenerator<string> {
  const name = `"${table}"`;
  await client.query(`DECLARE backup NO SCROLL CURSOR FOR SELECT to_jsonb(one)::text AS row FROM ${name} AS one`);
  for (;;) {
    const { rows } = await client.query<{ row: string }>(`FETCH ${BATCH} FROM backup`);
    for (const { row } of rows) yield row;
    if (rows.length < BATCH) break;
  }
  await client.query("CLOSE backup");
}
