/** Keeps a team, or the membership of who asks, from ending while something is added on their account. */
import type { Role } from "@wrenn/protocol/access";
import { WrennError } from "@wrenn/protocol/errors";
import { and, eq, isNull } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { memberships, type TeamRow, teams } from "../db/schema.ts";

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

/** The role, which stays until the transaction ends. Take it after the locks of the user and the team. @throws no_team */
export async function holdMembership(tx: Queries, teamId: string, userId: string): Promise<Role> {
  const [membership] = await tx
    .select({ role: memberships.role })
    .from(memberships)
    .where(and(eq(memberships.teamId, teamId), eq(memberships.userId, userId)))
    .for("share");
  if (membership === undefined) throw new WrennError("no_team", "you are not in this team any more");
  return membership.role;
}
