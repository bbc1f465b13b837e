/** What is kept of use, and for how long. Each is repeatable, also by several at the same moment. */
import { lt, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { capsuleMetrics, capsuleSpans } from "../db/schema.ts";

/** How long spans are kept once they are over: longer than any range of the stats. */
export const SPANS_MS = 60 * 24 * 3600 * 1000;
const METRICS_MS = 24 * 3600 * 1000;

/** Deletes spans that ended sixty days ago, but none of a day that may still be added up. */
export async function purgeSpans(db: Database, now: Date): Promise<void> {
  const before = new Date(now.getTime() - SPANS_MS).toISOString();
  const addedUp = sql`(SELECT (max(day) - 1)::timestamp AT TIME ZONE 'UTC' FROM daily_usage)`;
  await db.queries
    .delete(capsuleSpans)
    .where(sql`${capsuleSpans.until} < least(${before}::timestamptz, coalesce(${addedUp}, '-infinity'))`);
}

/** Deletes what was measured of capsules more than a day ago. */
export async function purgeMetrics(db: Database, now: Date): Promise<void> {
  await db.queries.delete(capsuleMetrics).where(lt(capsuleMetrics.at, new Date(now.getTime() - METRICS_MS)));
}
