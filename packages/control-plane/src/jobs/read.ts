/** Looks at jobs, in the tables of pg-boss: it has no list that is paged. */
import { WrennError } from "@wrenn/protocol/errors";
import type { JobState } from "@wrenn/protocol/rest/jobs";
import { type SQL, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { JOBS_SCHEMA, type Jobs } from "./jobs.ts";

export interface JobRow {
  /** UUID */
  readonly id: string;
  readonly name: string;
  readonly state: JobState;
  readonly attempts: number;
  readonly createdAt: Date;
  /** the same to the microsecond: where a page ends */
  readonly createdAtText: string;
  readonly startAfter: Date;
  readonly startedAt: Date | null;
  readonly completedAt: Date | null;
  /** what the last attempt ended with */
  readonly error: string | null;
}

export interface JobQuery {
  readonly state?: JobState | undefined;
  readonly name?: string | undefined;
  readonly limit: number;
  /** the last job of the page before: its `createdAtText` and its id */
  readonly after?: readonly [createdAt: string, id: string] | undefined;
}

export type QueueCounts = { readonly name: string } & Readonly<Record<JobState, number>>;

const TABLE = sql.raw(`${JOBS_SCHEMA}.job`);
/** Those that pg-boss sends to itself. */
const OURS = sql`name not like '\\_\\_pgboss\\_\\_%'`;

/** Newest first. @throws database_unavailable */
export async function listJobs(db: Database, jobs: Jobs, { state, name, limit, after }: JobQuery): Promise<JobRow[]> {
  requireTables(jobs);
  const wanted: SQL[] = [OURS];
  if (state !== undefined) wanted.push(sql`state = ${state}`);
  if (name !== undefined) wanted.push(sql`name = ${name}`);
  if (after !== undefined) wanted.push(sql`(created_on, id) < (${after[0]}::timestamptz, ${after[1]}::uuid)`);
  const { rows } = await db.queries.execute<Raw>(sql`
    select id, name, state, created_on, created_on::text as created_text, start_after, started_on, completed_on,
      retry_count + (started_on is not null)::int as attempts,
      case when state in ('failed', 'retry') then coalesce(output ->> 'message', output ->> 'value') end as error
    from ${TABLE} where ${sql.join(wanted, sql` and `)}
    order by created_on desc, id desc limit ${limit}`);
  return rows.map(toRow);
}

/** How many there are of each kind in each state. @throws database_unavailable */
export async function countJobs(db: Database, jobs: Jobs): Promise<QueueCounts[]> {
  requireTables(jobs);
  const { rows } = await db.queries.execute<QueueCounts>(sql`
    select name, ${sql.join(
      ["created", "retry", "active", "completed", "cancelled", "failed"].map((state) =>
        sql.raw(`count(*) filter (where state = '${state}')::int as ${state}`),
      ),
      sql`, `,
    )} from ${TABLE} where ${OURS} group by name order by name`);
  return rows;
}

/** How many there are in each state that is not `completed`; nothing while that cannot be known. */
export async function jobsByState(db: Database, jobs: Jobs): Promise<Record<string, number>> {
  if (!jobs.running) return {};
  const counts = { created: 0, retry: 0, active: 0, failed: 0 };
  for (const queue of await countJobs(db, jobs)) {
    for (const state of Object.keys(counts) as (keyof typeof counts)[]) counts[state] += queue[state];
  }
  return counts;
}

/** Runs a failed job once more. @throws not_found, invalid_state unless it has failed, database_unavailable */
export async function retryJob(db: Database, jobs: Jobs, id: string): Promise<void> {
  requireTables(jobs);
  const { rows } = await db.queries.execute<{ name: string; state: JobState }>(
    sql`select name, state from ${TABLE} where id = ${id} and ${OURS}`,
  );
  const [job] = rows;
  if (job === undefined) throw new WrennError("not_found", "the job does not exist");
  if (job.state !== "failed")
    throw new WrennError("invalid_state", `the job is ${job.state}: only failed ones run again`);
  await jobs.retry(job.name, id);
}

type Raw = Record<"id" | "name" | "created_text" | "created_on" | "start_after", string> & {
  readonly state: JobState;
  readonly attempts: number;
  readonly started_on: string | null;
  readonly completed_on: string | null;
  readonly error: string | null;
};

function toRow(raw: Raw): JobRow {
  const time = (text: string | null) => (text === null ? null : new Date(text));
  return {
    id: raw.id,
    name: raw.name,
    state: raw.state,
    attempts: raw.attempts,
    createdAt: new Date(raw.created_on),
    createdAtText: raw.created_text,
    startAfter: new Date(raw.start_after),
    startedAt: time(raw.started_on),
    completedAt: time(raw.completed_on),
    error: raw.error,
  };
}

function requireTables(jobs: Jobs): void {
  if (jobs.running) return;
  throw new WrennError("database_unavailable", "background work has not begun yet: try again in a moment");
}
