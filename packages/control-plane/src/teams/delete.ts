/** The end of a team: from the moment of the answer on nothing of it can be used. */
import { WrennError } from "@wrenn/protocol/errors";
import { idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import type { EndReason } from "@wrenn/protocol/states";
import { and, eq, isNull } from "drizzle-orm";
import type { CapsuleDeps } from "../capsules/deps.ts";
import { finishAllStopping, markAllStopping } from "../capsules/stop-all.ts";
import type { Queries } from "../db/database.ts";
import { channels, invitations, memberships, teams } from "../db/schema.ts";
import { revokeKeys } from "../identity/key-store.ts";
import { holdPlacement } from "../placement/load.ts";
import { finishOrLeave, markAllDeleting } from "../snapshots/delete.ts";

/**
 * Deletes a team with its keys, channels, invitations, capsules and snapshots; its row stays, for the log and for usage.
 * Machines and files go after this returns.
 * @param owner UUID of the user who has to own it still; anybody may when absent
 * @throws not_found; forbidden when somebody else owns it, and for the platform's own
 */
export async function deleteTeam(
  deps: CapsuleDeps,
  teamId: string,
  { owner, reason }: { readonly owner?: string; readonly reason: EndReason },
): Promise<void> {
  if (teamId === idToUuid(PLATFORM_TEAM)) {
    throw new WrennError("forbidden", "the platform's own team cannot be deleted");
  }
  const left = await deps.db.queries.transaction(async (tx) => {
    await holdPlacement(tx);
    return endTeam(tx, deps, teamId, { reason, ...(owner === undefined ? {} : { owner }) });
  });
  finishTeam(deps, teamId, left);
}

/** What is left to be done on hosts when a team has ended. */
type Left = Awaited<ReturnType<typeof endTeam>>;

/** To be called in a transaction that has the lock of placement; then `finishTeam`. @throws what deleteTeam throws */
export async function endTeam(
  tx: Queries,
  deps: CapsuleDeps,
  teamId: string,
  { owner, reason }: { readonly owner?: string; readonly reason: EndReason },
) {
  const [gone] = await tx
    .update(teams)
    .set({ deletedAt: new Date() })
    .where(and(eq(teams.id, teamId), isNull(teams.deletedAt)))
    .returning({ id: teams.id });
  if (gone === undefined) throw new WrennError("not_found", "the team does not exist");
  if (owner !== undefined) await requireOwner(tx, teamId, owner);
  // In the order in which a member's removal takes them.
  await tx.update(memberships).set({ isDefault: false }).where(eq(memberships.teamId, teamId));
  await revokeKeys(tx, { teamId });
  await tx.delete(channels).where(eq(channels.teamId, teamId));
  await tx.delete(invitations).where(eq(invitations.teamId, teamId));
  const stopping = await markAllStopping(tx, deps, [teamId], reason);
  return { stopping, deleting: await markAllDeleting(tx, teamId) };
}

/** In the background: what is not done when this process ends the reconciler does. */
export function finishTeam(deps: CapsuleDeps, teamId: string, { stopping, deleting }: Left): void {
  void deps.operations.run(teamId, async () => {
    await finishAllStopping(deps, stopping);
    for (const row of deleting) await deps.operations.run(row.id, () => finishOrLeave(deps, row));
  });
}

/** The row is locked: a transfer waits, or has been. */
async function requireOwner(tx: Queries, teamId: string, owner: string): Promise<void> {
  const [membership] = await tx
    .select({ role: memberships.role })
    .from(memberships)
    .where(and(eq(memberships.teamId, teamId), eq(memberships.userId, owner)))
    .for("update");
  if (membership?.role !== "owner") throw new WrennError("forbidden", "only the owner can delete the team");
}
