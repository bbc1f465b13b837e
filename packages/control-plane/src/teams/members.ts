/** Who is in a team. What changes here holds from the next request on: each one reads the membership anew. */
import { WrennError } from "@wrenn/protocol/errors";
import { and, eq, isNull, ne } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { memberships, teams } from "../db/schema.ts";
import { endGrants, withdrawInvitations } from "../identity/leaving.ts";
import { holdUser } from "../identity/users.ts";
import type { TeamDeps } from "./deps.ts";

export type GivenRole = "admin" | "member";

function membershipOf(teamId: string, userId: string) {
  return and(eq(memberships.teamId, teamId), eq(memberships.userId, userId));
}

/** @throws not_found for no member, forbidden for the owner */
async function refuse(queries: Queries, teamId: string, userId: string, ofOwner: string): Promise<never> {
  const [row] = await queries.select({ role: memberships.role }).from(memberships).where(membershipOf(teamId, userId));
  if (row?.role === "owner") throw new WrennError("forbidden", ofOwner);
  throw new WrennError("not_found", "the team has no such member");
}

/** Whoever is an admin no more takes back the invitations that they sent. @throws not_found, forbidden for the owner */
export function setRole({ db }: TeamDeps, teamId: string, userId: string, role: GivenRole): Promise<void> {
  return db.queries.transaction(async (tx) => {
    const changed = await tx
      .update(memberships)
      .set({ role })
      .where(and(membershipOf(teamId, userId), ne(memberships.role, "owner")))
      .returning({ role: memberships.role });
    if (changed.length === 0) {
      await refuse(tx, teamId, userId, "the owner's role cannot be changed: transfer the team instead");
    }
    if (role === "member") await withdrawInvitations(tx, { userId, teamId });
  });
}

/**
 * Ends a membership. The keys that the member made for the team go too, for whoever has left still knows them, and the
 * invitations that nobody has accepted.
 * Returns how many keys there were. @throws not_found, forbidden for the owner
 */
export function removeMember({ db }: TeamDeps, teamId: string, userId: string): Promise<number> {
  return db.queries.transaction(async (tx) => {
    const removed = await tx
      .delete(memberships)
      .where(and(membershipOf(teamId, userId), ne(memberships.role, "owner")))
      .returning({ role: memberships.role });
    if (removed.length === 0) {
      await refuse(tx, teamId, userId, "the owner cannot leave the team or be removed: transfer the team first");
    }
    return endGrants(tx, { userId, teamId });
  });
}

/** Makes another member the owner, and the owner an admin. @throws forbidden for anybody but the owner, not_found */
export function transferTeam({ db }: TeamDeps, teamId: string, from: string, to: string): Promise<void> {
  if (from === to) throw new WrennError("invalid_request", "you own the team already");
  return setOwner({ db }, teamId, to, from);
}

/**
 * The same whoever owns the team, and whether anybody does: for administrators of the platform.
 * @param from who has to own it still
 */
export function setOwner({ db }: TeamDeps, teamId: string, to: string, from?: string): Promise<void> {
  return db.queries.transaction(async (tx) => {
    const active = await holdUser(tx, to);
    await lockTeam(tx, teamId);
    // First one owner less, then one more: at no time are there two.
    const [former] = await tx
      .update(memberships)
      .set({ role: "admin" })
      .where(and(eq(memberships.teamId, teamId), eq(memberships.role, "owner")))
      .returning({ userId: memberships.userId });
    if (from !== undefined && former?.userId !== from) {
      throw new WrennError("forbidden", "only the owner can transfer the team");
    }
    const next = await tx
      .update(memberships)
      .set({ role: "owner" })
      .where(membershipOf(teamId, to))
      .returning({ role: memberships.role });
    if (!active || next.length === 0) {
      throw new WrennError("not_found", "the team has no such member whose account is active");
    }
  });
}

/** Of several transfers at the same time each waits for the one before. @throws not_found */
async function lockTeam(tx: Queries, teamId: string): Promise<void> {
  const [team] = await tx
    .select({ id: teams.id })
    .from(teams)
    .where(and(eq(teams.id, teamId), isNull(teams.deletedAt)))
    .for("update");
  if (team === undefined) throw new WrennError("not_found", "the team does not exist");
}
