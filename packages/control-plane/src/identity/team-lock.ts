/** Keeps a team from being deleted while something is added to it. */
import { WrennError } from "@wrenn/protocol/errors";
import { and, eq, isNull } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { type TeamRow, teams } from "../db/schema.ts";

/** Until the transaction ends. Take it after the lock of placement where both are needed. @throws not_found */
export async function holdTeam(tx: Queries, teamId: string): Promise<TeamRow> {
  const [team] = await tx
    .select()
    .from(teams)
    .where(and(eq(teams.id, teamId), isNull(teams.deletedAt)))
    .for("share");
  if (team === undefined) throw new WrennError("not_found", "the team does not exist");
  return team;
}
