/** Gives a snapshot to all teams, in the place of the one that had the name: from one moment to the next it is the new one's. */
import { WrennError } from "@wrenn/protocol/errors";
import { eq } from "drizzle-orm";
import { type SnapshotRow, snapshots } from "../db/schema.ts";
import { changeAndTell } from "../events/tell.ts";
import { snapshotEvents } from "./claim.ts";
import { discardSnapshot, finishOrLeave, markDeleting } from "./delete.ts";
import type { SnapshotDeps } from "./deps.ts";
import { findSnapshot } from "./read.ts";

/**
 * @param fresh is there under another name, for its team alone; it is discarded when it cannot have this one
 * @throws snapshot_in_use while capsules of the old one have not ended, invalid_state while that is being made,
 * template_name_taken by one that is for the team alone
 */
export async function shareSnapshot(deps: SnapshotDeps, fresh: SnapshotRow, name = fresh.name): Promise<SnapshotRow> {
  const found = await findSnapshot(deps.db, fresh.teamId, name);
  const old = found?.id === fresh.id ? undefined : found;
  try {
    if (old?.shared === false) throw new WrennError("template_name_taken", `there is a snapshot "${name}" already`);
    const ids = [fresh.id, ...(old === undefined ? [] : [old.id])];
    const shared = await deps.operations.run(ids, () => swap(deps, fresh, old, name));
    if (old !== undefined) await finishOrLeave(deps, old);
    return shared;
  } catch (error) {
    await discardSnapshot(deps, fresh);
    throw error;
  }
}

function swap(
  { db }: SnapshotDeps,
  fresh: SnapshotRow,
  old: SnapshotRow | undefined,
  name: string,
): Promise<SnapshotRow> {
  return db.queries.transaction(async (tx) => {
    if (old !== undefined) {
      await markDeleting(tx, old.id);
      await tx.update(snapshots).set({ name: old.id, shared: false }).where(eq(snapshots.id, old.id));
    }
    const share = tx.update(snapshots).set({ name, shared: true }).where(eq(snapshots.id, fresh.id)).returning();
    const [shared] = await changeAndTell(tx, share, fresh.teamId, snapshotEvents("created", { ...fresh, name }));
    if (shared === undefined) throw new WrennError("not_found", `snapshot "${fresh.name}" was deleted meanwhile`);
    return shared;
  });
}
