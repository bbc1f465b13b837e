/** What goes with whoever leaves a team, is locked out or closes their account: what they made that gives access without them. */
import { and, asc, eq, inArray } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { invitations } from "../db/schema.ts";
import { revokeKeys } from "./key-store.ts";

export interface Leaving {
  /** UUID */
  readonly userId: string;
  /** UUID; all teams when absent */
  readonly teamId?: string;
}

/** Revokes the keys that they made and withdraws the invitations that they sent. Returns how many keys there were. */
export async function endGrants(tx: Queries, leaving: Leaving): Promise<number> {
  const { userId, teamId } = leaving;
  const keys = await revokeKeys(tx, { createdBy: userId, ...(teamId === undefined ? {} : { teamId }) });
  await withdrawInvitations(tx, leaving);
  return keys;
}

/** Those that nobody has accepted yet. */
export async function withdrawInvitations(tx: Queries, { userId, teamId }: Leaving): Promise<void> {
  const theirs = and(
    eq(invitations.invitedBy, userId),
    teamId === undefined ? undefined : eq(invitations.teamId, teamId),
  );
  // In one order, so that two who withdraw some of the same do not wait for each other.
  const rows = await tx
    .select({ id: invitations.id })
    .from(invitations)
    .where(theirs)
    .orderBy(asc(invitations.id))
    .for("update");
  const ids = rows.map(({ id }) => id);
  await tx.delete(invitations).where(inArray(invitations.id, ids));
}
