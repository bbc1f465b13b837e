/** The first active user of a fresh install administers the platform. */
import { and, inArray, ne, sql } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { ADVISORY_LOCKS } from "../db/locks.ts";
import { users } from "../db/schema.ts";

/** Whoever makes or removes administrators waits here for its turn, until the transaction ends. */
export async function lockAdmins(transaction: Queries): Promise<void> {
  await transaction.execute(sql`select pg_advisory_xact_lock(${ADVISORY_LOCKS.admins})`);
}

/** Whether nobody but this user has ever been active. Call it in a transaction that makes the user active. */
export async function isFirstUser(transaction: Queries, userId: string): Promise<boolean> {
  await lockAdmins(transaction);
  const others = await transaction
    .select({ id: users.id })
    .from(users)
    .where(and(ne(users.id, userId), inArray(users.status, ["active", "disabled", "deleted"])))
    .limit(1);
  return others.length === 0;
}
