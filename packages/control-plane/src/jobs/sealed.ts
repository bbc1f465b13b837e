/** What jobs carry that is nobody's business: one field of their data, encrypted, which outlives changes of the key. */
import { type SQL, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import type { Encryption } from "../encryption.ts";
import { JOBS_SCHEMA } from "./jobs.ts";

export interface Sealed {
  /** name of the job */
  readonly job: string;
  readonly field: string;
  /** what it is encrypted as a part of */
  readonly owner: string;
}

const BATCH = 200;
const FIRST_ID = "00000000-0000-0000-0000-000000000000";
const TABLE = sql.raw(`${JOBS_SCHEMA}.job`);
/** Those that ran are read by nobody; ones that failed may run again. */
const NEEDED = sql`state not in ('completed', 'cancelled')`;

/** For text that is stored as `Encryption` does. */
function keyOf(text: SQL): SQL {
  return sql`split_part(${text}, '.', 1)`;
}

function textOf({ field }: Sealed): SQL {
  return sql`data ->> ${field}::text`;
}

/** Background work makes its tables when it first begins. */
async function hasTable({ queries }: Database): Promise<boolean> {
  const { rows } = await queries.execute<{ found: boolean }>(
    sql`select to_regclass(${`${JOBS_SCHEMA}.job`}) is not null as found`,
  );
  return rows[0]?.found === true;
}

/** How many jobs each key is needed for, by its id. */
export async function countJobsByKey(db: Database, all: readonly Sealed[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  if (!(await hasTable(db))) return counts;
  for (const sealed of all) {
    const { rows } = await db.queries.execute<{ key: string; count: number }>(sql`
      select ${keyOf(textOf(sealed))} as key, count(*)::int as count from ${TABLE}
      where name = ${sealed.job} and ${NEEDED} and ${textOf(sealed)} is not null group by 1`);
    for (const { key, count } of rows) counts[key] = (counts[key] ?? 0) + count;
  }
  return counts;
}

/** Brings all under the current key. @throws config_invalid when a key is missing; the others are done all the same */
export async function reencryptJobs(
  db: Database,
  encryption: Encryption,
  all: readonly Sealed[],
  signal?: AbortSignal,
): Promise<void> {
  let failure: unknown;
  for (const sealed of all) {
    for await (const { id, text } of readOld(db, encryption, sealed)) {
      signal?.throwIfAborted();
      try {
        await replace(db, sealed, id, text, encryption.encrypt(encryption.decrypt(text, sealed.owner), sealed.owner));
      } catch (error) {
        failure ??= error;
      }
    }
  }
  if (failure !== undefined) throw failure;
}

async function* readOld({ queries }: Database, { keyId }: Encryption, sealed: Sealed) {
  for (let after = FIRST_ID; ; ) {
    const { rows } = await queries.execute<{ id: string; text: string }>(sql`
      select id, ${textOf(sealed)} as text from ${TABLE}
      where name = ${sealed.job} and ${NEEDED} and id > ${after} and ${keyOf(textOf(sealed))} <> ${keyId}
      order by id limit ${BATCH}`);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.id;
  }
}

async function replace(db: Database, sealed: Sealed, id: string, before: string, text: string): Promise<void> {
  await db.queries.execute(sql`
    update ${TABLE} set data = data || jsonb_build_object(${sealed.field}::text, ${text}::text)
    where name = ${sealed.job} and id = ${id} and ${textOf(sealed)} = ${before}`);
}
