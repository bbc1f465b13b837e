/** What channels were told, and are to be told. */
import { WrennError } from "@wrenn/protocol/errors";
import { and, desc, eq, inArray, lt, ne, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { type DeliveryRow, deliveries } from "../db/schema.ts";

const KEPT_DAYS = 30;

export interface DeliveryQuery {
  readonly status?: DeliveryRow["status"] | undefined;
  readonly limit: number;
  /** time and id of the last one of the page before */
  readonly after?: readonly [createdAt: string, id: string] | undefined;
}

/** Newest first. */
export function listDeliveries(db: Database, channelId: string, query: DeliveryQuery): Promise<DeliveryRow[]> {
  const { status, limit, after } = query;
  return db.queries
    .select()
    .from(deliveries)
    .where(
      and(
        eq(deliveries.channelId, channelId),
        status && eq(deliveries.status, status),
        after && sql`(${deliveries.createdAt}, ${deliveries.id}) < (${after[0]}::timestamptz, ${after[1]}::uuid)`,
      ),
    )
    .orderBy(desc(deliveries.createdAt), desc(deliveries.id))
    .limit(limit);
}

/** Sends one that has ended again, from its first attempt on and under its id. @throws not_found, invalid_state while it is pending */
export async function resendDelivery(db: Database, channelId: string, id: string): Promise<DeliveryRow> {
  const one = and(eq(deliveries.id, id), eq(deliveries.channelId, channelId));
  const [row] = await db.queries
    .update(deliveries)
    .set({ status: "pending", attempts: 0, nextAttemptAt: sql`now()`, deliveredAt: null })
    .where(and(one, inArray(deliveries.status, ["delivered", "dead"])))
    .returning();
  if (row !== undefined) return row;
  const [pending] = await db.queries.select({ id: deliveries.id }).from(deliveries).where(one);
  if (pending === undefined) throw new WrennError("not_found", "the channel has no such delivery");
  throw new WrennError("invalid_state", "the delivery is still being tried");
}

/** Removes what ended long ago. */
export async function purgeDeliveries(db: Database): Promise<void> {
  const before = new Date(Date.now() - KEPT_DAYS * 86_400_000);
  await db.queries.delete(deliveries).where(and(ne(deliveries.status, "pending"), lt(deliveries.createdAt, before)));
}
