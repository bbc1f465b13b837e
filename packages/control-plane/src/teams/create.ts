/** New teams, and their names. */
import { WrennError } from "@wrenn/protocol/errors";
import { LIMITS } from "@wrenn/protocol/limits";
import { and, eq, inArray, isNull } from "drizzle-orm";
import { holdRoom } from "../db/room.ts";
import { memberships, type TeamRow, teams } from "../db/schema.ts";
import { insertTeam } from "../identity/new-team.ts";
import { holdSelf } from "../identity/users.ts";
import type { TeamDeps } from "./deps.ts";

/** A further team of the user, who owns it. @throws quota_exceeded; account_deactivated for who has just closed their account */
export async function createTeam(
  { db, teller }: TeamDeps,
  user: { readonly userId: string; readonly email: string },
  name: string,
): Promise<TeamRow> {
  const { userId } = user;
  await teller?.ready();
  return db.queries.transaction(async (tx) => {
    await holdSelf(tx, userId);
    const alive = tx.select({ id: teams.id }).from(teams).where(isNull(teams.deletedAt));
    await holdRoom(tx, {
      owner: userId,
      table: memberships,
      where: and(eq(memberships.userId, userId), eq(memberships.role, "owner"), inArray(memberships.teamId, alive)),
      max: LIMITS.userTeams,
      message: `you own ${LIMITS.userTeams} teams, which is as many as one may: delete one first`,
    });
    const team = await insertTeam(tx, userId, name, false);
    await teller?.tell(tx, { event: "team_created", to: user.email, teamName: team.name });
    return team;
  });
}

/** @throws not_found */
export async function renameTeam({ db }: TeamDeps, teamId: string, name: string): Promise<void> {
  const renamed = await db.queries
    .update(teams)
    .set({ name })
    .where(and(eq(teams.id, teamId), isNull(teams.deletedAt)))
    .returning({ id: teams.id });
  if (renamed.length === 0) throw new WrennError("not_found", "the team does not exist");
}
