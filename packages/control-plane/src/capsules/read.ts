/** Reads of capsules, each for one team. */
import { WrennError } from "@wrenn/protocol/errors";
import { type Id, idToUuid } from "@wrenn/protocol/ids";
import { and, eq, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { prepared } from "../db/prepared.ts";
import { type CapsuleRow, capsules } from "../db/schema.ts";

const capsuleOfTeam = prepared((queries) =>
  queries
    .select()
    .from(capsules)
    .where(and(eq(capsules.id, sql.placeholder("id")), eq(capsules.teamId, sql.placeholder("teamId"))))
    .prepare("capsule_of_team"),
);

/** @throws not_found when the team has no such capsule */
export async function getCapsule(db: Database, teamId: string, id: Id<"capsule">): Promise<CapsuleRow> {
  const [row] = await capsuleOfTeam(db).execute({ id: idToUuid(id), teamId });
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
