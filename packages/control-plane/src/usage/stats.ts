/** What a team holds at a time: now, at most, and over a while. */
import { sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";

interface Holding {
  readonly running: number;
  readonly vcpus: number;
  /** MiB; a paused capsule counts with half of its own */
  readonly memoryMb: number;
}

interface Bucket extends Holding {
  readonly start: Date;
}

interface Window {
  readonly buckets: number;
  readonly seconds: number;
}

interface TeamStats {
  readonly current: Holding;
  /** the most of each in thirty days, not of all at the same moment */
  readonly peaks: Holding;
  /** ascending, without gaps, the last one not over: the most of each in every bucket */
  readonly series: readonly Bucket[];
}

const NOTHING: Holding = { running: 0, vcpus: 0, memoryMb: 0 };
const THIRTY_DAYS: Window = { buckets: 120, seconds: 6 * 3600 };

interface BucketRow extends Record<string, unknown> {
  readonly bucket: number;
  /** the most at a time */
  readonly running: number;
  readonly vcpus: number;
  readonly memory_mb: number;
  /** how much more there is at its end than at its beginning */
  readonly running_more: number;
  readonly vcpus_more: number;
  readonly memory_more: number;
}

function most(a: Holding, b: Holding): Holding {
  return {
    running: Math.max(a.running, b.running),
    vcpus: Math.max(a.vcpus, b.vcpus),
    memoryMb: Math.max(a.memoryMb, b.memoryMb),
  };
}

/** Each change of what the team holds, added up; only buckets in which something changed. What was there before is in the first. */
async function changedBuckets(db: Database, teamId: string, from: Date, seconds: number, now: Date) {
  const start = sql`${from.toISOString()}::timestamptz`;
  const end = sql`${now.toISOString()}::timestamptz`;
  const { rows } = await db.queries.execute<BucketRow>(sql`
    WITH spans AS (
      SELECT greatest(since, ${start}) AS since, until, running, vcpus, memory_mb
      FROM capsule_spans WHERE team_id = ${teamId} AND until > ${start} AND since <= ${end}
    ), changes AS (
      SELECT since AS at, running, vcpus, memory_mb FROM spans
      UNION ALL SELECT until, -running, -vcpus, -memory_mb FROM spans WHERE until <= ${end}
    ), moments AS (
      SELECT at, sum(running)::int AS running, sum(vcpus)::int AS vcpus, sum(memory_mb)::int AS memory_mb
      FROM changes GROUP BY at
    ), held AS (
      SELECT floor(extract(epoch FROM at - ${start}) / ${seconds}::int)::int AS bucket,
        running AS running_more, vcpus AS vcpus_more, memory_mb AS memory_more,
        sum(running) OVER w AS running, sum(vcpus) OVER w AS vcpus, sum(memory_mb) OVER w AS memory_mb
      FROM moments WINDOW w AS (ORDER BY at)
    )
    SELECT bucket, max(running)::float8 AS running, max(vcpus)::float8 AS vcpus, max(memory_mb)::float8 AS memory_mb,
      sum(running_more)::float8 AS running_more, sum(vcpus_more)::float8 AS vcpus_more, sum(memory_more)::float8 AS memory_more
    FROM held GROUP BY bucket`);
  return new Map(rows.map((row) => [row.bucket, row]));
}

async function holdings(db: Database, teamId: string, { buckets, seconds }: Window, now: Date) {
  const size = seconds * 1000;
  const first = Math.floor(now.getTime() / size) * size - (buckets - 1) * size;
  const changed = await changedBuckets(db, teamId, new Date(first), seconds, now);
  let current = NOTHING;
  const series = Array.from({ length: buckets }, (_, index): Bucket => {
    const change = changed.get(index);
    const start = new Date(first + index * size);
    if (change === undefined) return { start, ...current };
    const held = most(current, { running: change.running, vcpus: change.vcpus, memoryMb: change.memory_mb });
    current = {
      running: current.running + change.running_more,
      vcpus: current.vcpus + change.vcpus_more,
      memoryMb: current.memoryMb + change.memory_more,
    };
    return { start, ...held };
  });
  return { current, series };
}

export async function statsOfTeam(db: Database, teamId: string, window: Window, now: Date): Promise<TeamStats> {
  const [{ current, series }, month] = await Promise.all([
    holdings(db, teamId, window, now),
    holdings(db, teamId, THIRTY_DAYS, now),
  ]);
  return { current, peaks: month.series.reduce<Holding>(most, NOTHING), series };
}
