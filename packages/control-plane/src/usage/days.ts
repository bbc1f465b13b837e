/**
 * What a team used on each day (UTC), added up from the spans of its capsules to the second. Days that are over are added up
 * once and kept when their spans are gone; those that were not yet are computed as they are read, today among them.
 */
import { type SQL, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";

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
 * Adds up all days that are over and were not yet, and the last two of the others anew: a pause of yesterday may be heard of
 * today. Repeatable, also by several at the same moment: they write the same rows in the same order.
 */
export async function rollUpDays(db: Database, now: Date): Promise<void> {
  const first = sql`(SELECT coalesce(
    (SELECT max(day) - 1 FROM daily_usage), (SELECT (min(since) AT TIME ZONE 'UTC')::date FROM capsule_spans)
  ))`;
  await db.queries.execute(sql`
    INSERT INTO daily_usage (team_id, day, cpu_minutes, ram_mb_minutes)
    SELECT * FROM (${spansByDay(first, sql`${dayOf(now)}::date - 1`, now)}) AS days ORDER BY team_id, day
    ON CONFLICT (team_id, day) DO UPDATE SET cpu_minutes = excluded.cpu_minutes, ram_mb_minutes = excluded.ram_mb_minutes`);
}
