/**
 * What a team used on each day (UTC), added up from the spans of its capsules to the second. Days that are over are added up
 * once and kept when their spans are gone; those that were not yet are computed as they are read, today among them.
 */
import { type SQL, sql } from "drizzle-orm";
import type { Database, Queries } from "../db/database.ts";
import { ADVISORY_LOCKS } from "../db/locks.ts";
import { SPANS_MS } from "./purge.ts";

export interface DayUsage {
  /** YYYY-MM-DD */
  readonly day: string;
  readonly cpuMinutes: number;
  readonly ramMbMinutes: number;
}

/** The day of an instant in UTC. */
export function dayOf(at: Date): string {
  return at.toISOString().slice(0, 10);
}

/** Rows of (team_id, day, cpu_minutes, ram_mb_minutes) for each day from `first` to `last` in which something was held. */
function spansByDay(first: SQL, last: SQL, now: Date, teamId?: string): SQL {
  const start = sql`(d.day AT TIME ZONE 'UTC')`;
  const end = sql`((d.day + interval '1 day') AT TIME ZONE 'UTC')`;
  const until = sql`least(s.until, ${now.toISOString()}::timestamptz)`;
  const minutes = sql`extract(epoch FROM least(${until}, ${end}) - greatest(s.since, ${start}))::float8 / 60`;
  return sql`
    SELECT s.team_id, d.day::date AS day, sum(s.vcpus * ${minutes}) AS cpu_minutes, sum(s.memory_mb * ${minutes}) AS ram_mb_minutes
    FROM generate_series((${first})::timestamp, (${last})::timestamp, interval '1 day') AS d (day)
    JOIN capsule_spans s ON s.since < least(${end}, ${now.toISOString()}::timestamptz) AND s.until > ${start}
    ${teamId === undefined ? sql`` : sql`WHERE s.team_id = ${teamId}`}
    GROUP BY s.team_id, d.day`;
}

/** Ascending, without the days in which nothing was held. Both ends are included. */
export async function usageOfTeam(
  db: Database,
  teamId: string,
  { from, to }: { readonly from: string; readonly to: string },
  now: Date,
): Promise<DayUsage[]> {
  const live = spansByDay(
    sql`(SELECT greatest(${from}::date, max(day) + 1) FROM daily_usage)`,
    sql`least(${to}::date, ${dayOf(now)}::date)`,
    now,
    teamId,
  );
  // One statement sees one state: a day is either added up or not.
  const { rows } = await db.queries.execute<{ day: string; cpu_minutes: number; ram_mb_minutes: number }>(sql`
    SELECT day::text, cpu_minutes, ram_mb_minutes FROM (
      SELECT team_id, day, cpu_minutes, ram_mb_minutes FROM daily_usage
      WHERE team_id = ${teamId} AND day BETWEEN ${from}::date AND ${to}::date
      UNION ALL (${live})
    ) AS days ORDER BY day`);
  return rows.map((row) => ({ day: row.day, cpuMinutes: row.cpu_minutes, ramMbMinutes: row.ram_mb_minutes }));
}

/**
 * Adds up all days that are over and were not yet, the last two of the others anew, and all since the first one that was corrected
 * meanwhile: a host that comes back may tell that a capsule was paused or ended days ago. Repeatable, by one after the other.
 */
export async function rollUpDays(db: Database, now: Date): Promise<void> {
  await db.queries.transaction(async (tx) => {
    await tx.execute(sql`SELECT pg_advisory_xact_lock(${ADVISORY_LOCKS.usage})`);
    const first = await firstToAddUp(tx, now);
    if (first === null) return;
    const last = sql`${dayOf(now)}::date - 1`;
    // Of a day in which nothing was held after all there is no row that could replace what is there.
    await tx.execute(sql`DELETE FROM daily_usage WHERE day BETWEEN ${first}::date AND ${last}`);
    await tx.execute(sql`
      INSERT INTO daily_usage (team_id, day, cpu_minutes, ram_mb_minutes) ${spansByDay(sql`${first}::date`, last, now)}`);
  });
}

/** Null when nothing was held ever. Days whose spans may be gone stay as they are. */
async function firstToAddUp(tx: Queries, now: Date): Promise<string | null> {
  const kept = sql`${dayOf(new Date(now.getTime() - SPANS_MS))}::date + 1`;
  const { rows } = await tx.execute<{ first: string | null }>(sql`
    SELECT CASE
      WHEN newest IS NULL THEN (SELECT (min(since) AT TIME ZONE 'UTC')::date FROM capsule_spans)
      ELSE least(newest - 1, (
        SELECT greatest(${kept}, (until AT TIME ZONE 'UTC')::date) FROM capsule_spans
        WHERE closed_at >= newest::timestamp AT TIME ZONE 'UTC' ORDER BY until LIMIT 1
      )) END::text AS first
    FROM (SELECT max(day) AS newest FROM daily_usage) AS added_up`);
  return rows[0]?.first ?? null;
}
