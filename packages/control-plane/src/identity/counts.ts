/** What may be done only so often, counted in the database: all control planes count together, and none forgets. */
import { createHash } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import { eq, lt, sql } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { counts } from "../db/schema.ts";

export interface Limit {
  /** what is counted */
  readonly what: string;
  readonly max: number;
  readonly seconds: number;
}

export class TooOften extends WrennError {
  readonly retryAfterSec: number;

  constructor(message: string, retryAfterSec: number) {
    super("rate_limited", message);
    this.retryAfterSec = retryAfterSec;
  }
}

function keyOf({ what }: Limit, whom: string): string {
  return createHash("sha256").update(`${what} ${whom}`).digest("hex");
}

/** Counts once more. Returns the seconds to wait: 0 when it was not too often. */
export async function countUp(queries: Queries, limit: Limit, whom: string): Promise<number> {
  const over = sql`${counts.expiresAt} <= now()`;
  const [row] = await queries
    .insert(counts)
    .values({ key: keyOf(limit, whom), count: 1, expiresAt: sql`now() + make_interval(secs => ${limit.seconds})` })
    .onConflictDoUpdate({
      target: counts.key,
      set: {
        count: sql`case when ${over} then 1 else ${counts.count} + 1 end`,
        expiresAt: sql`case when ${over} then excluded.expires_at else ${counts.expiresAt} end`,
      },
    })
    .returning({
      count: counts.count,
      seconds: sql<number>`ceil(extract(epoch from ${counts.expiresAt} - now()))::int`,
    });
  return row === undefined || row.count <= limit.max ? 0 : Math.max(1, row.seconds);
}

/** Counts once more. @throws TooOften */
export async function limitTo(queries: Queries, limit: Limit, whom: string, message: string): Promise<void> {
  const seconds = await countUp(queries, limit, whom);
  if (seconds > 0) throw new TooOften(message, seconds);
}

/** Counting begins anew. */
export async function resetCount(queries: Queries, limit: Limit, whom: string): Promise<void> {
  await queries.delete(counts).where(eq(counts.key, keyOf(limit, whom)));
}

/** Removes what is over. */
export async function purgeCounts(queries: Queries): Promise<void> {
  await queries.delete(counts).where(lt(counts.expiresAt, sql`now()`));
}
