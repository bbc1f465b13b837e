/** Reads of capsules, each for one team. */
import { WrennError } from "@wrenn/protocol/errors";
import { type Id, idToUuid } from "@wrenn/protocol/ids";
import { PUBLIC_STATUS, STATES } from "@wrenn/protocol/states";
import { and, desc, eq, inArray } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { type CapsuleRow, capsules } from "../db/schema.ts";

/** Lists show what can still be used. */
const LISTED_STATES = STATES.filter((state) => !["stopped", "error"].includes(PUBLIC_STATUS[state]));

/** Newest first, without those that ended. */
export function listCapsules(db: Database, teamId: string): Promise<CapsuleRow[]> {
  return db.queries
    .select()
    .from(capsules)
    .where(and(eq(capsules.teamId, teamId), inArray(capsules.state, LISTED_STATES)))
    .orderBy(desc(capsules.createdAt), desc(capsules.id));
}

/** @throws not_found when the team has no such capsule */
export async function getCapsule(db: Database, teamId: string, id: Id<"capsule">): Promise<CapsuleRow> {
  const [row] = await db.queries
    .select()
    .from(capsules)
    .where(and(eq(capsules.id, idToUuid(id)), eq(capsules.teamId, teamId)));
  if (row === undefined) throw new WrennError("not_found", `capsule ${id} does not exist`);
  return row;
}

/** @throws not_found, or invalid_state unless it runs */
export async function getRunningCapsule(db: Database, teamId: string, id: Id<"capsule">): Promise<CapsuleRow> {
  const row = await getCapsule(db, teamId, id);
  if (row.state !== "running") throw new WrennError("invalid_state", "capsule is not running");
  return row;
}

/** @throws invalid_state unless its memory can be saved */
export function requireSavable(row: CapsuleRow): void {
  if (row.state !== "running" && row.state !== "paused") {
    throw new WrennError("invalid_state", "capsule is neither running nor paused");
  }
}
