/** Who is in a team. What changes here holds from the next request on: each one reads the membership anew. */
import { WrennError } from "@wrenn/protocol/errors";
import { and, eq, exists, ne, sql } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { memberships, users } from "../db/schema.ts";
import { revokeKeys } from "../identity/key-store.ts";
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

/** @throws not_found, forbidden for the owner */
export async function setRole({ db }: TeamDeps, teamId: string, userId: string, role: GivenRole): Promise<void> {
  const changed = await db.queries
    .update(memberships)
    .set({ role })
    .where(and(membershipOf(teamId, userId), ne(memberships.role, "owner")))
    .returning({ role: memberships.role });
  if (changed.length > 0) return;
  await refuse(db.queries, teamId, userId, "the owner's role cannot be changed: transfer the team instead");
}

/**
 * Ends a membership. The keys that the member made for the team go too: whoever has left still knows them.
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
    return revokeKeys(tx, { teamId, createdBy: userId });
  });
}

/** Makes another member the owner, and the owner an admin. @throws forbidden for anybody but the owner, not_found */
export function transferTeam({ db }: TeamDeps, teamId: string, from: string, to: string): Promise<void> {
  if (from === to) throw new WrennError("invalid_request", "you own the team already");
  return db.queries.transaction(async (tx) => {
    // First one owner less, then one more: at no time are there two.
    const former = await tx
      .update(memberships)
      .set({ role: "admin" })
      .where(and(membershipOf(teamId, from), eq(memberships.role, "owner")))
      .returning({ role: memberships.role });
    if (former.length === 0) throw new WrennError("forbidden", "only the owner can transfer the team");
    const active = tx
      .select({ one: sql`1` })
      .from(users)
      .where(and(eq(users.id, to), eq(users.status, "active")));
    const next = await tx
      .update(memberships)
      .set({ role: "owner" })
      .where(and(membershipOf(teamId, to), exists(active)))
      .returning({ role: memberships.role });
    if (next.length === 0) throw new WrennError("not_found", "the team has no such member whose account is active");
  });
}
