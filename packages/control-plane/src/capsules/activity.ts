/** The idle timer's clock: when a capsule was last used, at a precision that spares the database. */
import { eq } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { type CapsuleRow, capsules } from "../db/schema.ts";

const PRECISION_MS = 10_000;

export async function touchCapsule(db: Database, row: Pick<CapsuleRow, "id" | "lastActiveAt">): Promise<void> {
  const now = new Date();
  if (row.lastActiveAt !== null && now.getTime() - row.lastActiveAt.getTime() < PRECISION_MS) return;
  await db.queries.update(capsules).set({ lastActiveAt: now }).where(eq(capsules.id, row.id));
}
