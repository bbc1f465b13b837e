/** Locks users out and lets them in again. */
import { WrennError } from "@wrenn/protocol/errors";
import { and, eq, isNull } from "drizzle-orm";
import type { CapsuleDeps } from "../capsules/deps.ts";
import { finishAllStopping, markAllStopping } from "../capsules/stop-all.ts";
import type { Database, Queries } from "../db/database.ts";
import { memberships, teams, users } from "../db/schema.ts";
import { findUser, holdAnotherAdmin } from "../identity/admins.ts";
import { makeHomeTeam } from "../identity/home-team.ts";
import { endGrants } from "../identity/leaving.ts";
import { endSessions } from "../identity/sessions.ts";
import { holdPlacement } from "../placement/load.ts";

/**
 * Ends the user's sessions, keys, open invitations, and the capsules of the teams that they own; machines go after this returns.
 * May be repeated. @throws not_found, invalid_request for the last administrator
 */
export async function disableUser(deps: CapsuleDeps, userId: string): Promise<void> {
  const stopping = await deps.db.queries.transaction(async (tx) => {
    await holdPlacement(tx);
    await holdAnotherAdmin(tx, userId);
    await tx.update(users).set({ status: "disabled", updatedAt: new Date() }).where(eq(users.id, userId));
    await endSessions(tx, userId);
    await endGrants(tx, { userId });
    return markAllStopping(tx, deps, await ownedTeams(tx, userId), "admin");
  });
  void deps.operations.run(userId, () => finishAllStopping(deps, stopping));
}

async function ownedTeams(tx: Queries, userId: string): Promise<string[]> {
  const rows = await tx
    .select({ id: teams.id })
    .from(memberships)
    .innerJoin(teams, and(eq(teams.id, memberships.teamId), isNull(teams.deletedAt)))
    .where(and(eq(memberships.userId, userId), eq(memberships.role, "owner")));
  return rows.map(({ id }) => id);
}

/** Also in the place of the link in the mail. May be repeated. @throws not_found */
export async function enableUser(db: Database, userId: string): Promise<void> {
  await db.queries.transaction(async (tx) => {
    const { status, name } = await findUser(tx, userId);
    if (status === "active") return;
    await tx.update(users).set({ status: "active", updatedAt: new Date() }).where(eq(users.id, userId));
    const own = await tx.select({ id: memberships.teamId }).from(memberships).where(eq(memberships.userId, userId));
    if (own.length === 0) await makeHomeTeam(tx, userId, name);
  });
}

/** @throws invalid_request for oneself */
export function refuseSelf(by: string, userId: string): void {
  if (by === userId) throw new WrennError("invalid_request", "you cannot deactivate your own account here");
}
