/** Puts a snapshot in the place of another one: from one moment to the next its name is the new one's, then the old one goes. */
import { WrennError } from "@wrenn/protocol/errors";
import { eq } from "drizzle-orm";
import { type SnapshotRow, snapshots } from "../db/schema.ts";
import { changeAndTell } from "../events/tell.ts";
import { snapshotEvents } from "./claim.ts";
import { discardSnapshot, finishOrLeave, markDeleting } from "./delete.ts";
import type { SnapshotDeps } from "./deps.ts";
import { findSnapshot } from "./read.ts";

/**
 * @param fresh is there under another name; it is discarded when it cannot have this one
 * @throws snapshot_in_use while capsules of the old one have not ended, invalid_state while that is being made
 */
export async function replaceSnapshot(deps: SnapshotDeps, fresh: SnapshotRow, name: string): Promise<SnapshotRow> {
  const old = await findSnapshot(deps.db, fresh.teamId, name);
  try {
    const renamed = await deps.operations.run([fresh.id, ...(old === undefined ? [] : [old.id])], () =>
      swap(deps, fresh, old, name),
    );
    if (old !== undefined) await finishOrLeave(deps, old);
    return renamed;
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
      await tx.update(snapshots).set({ name: old.id }).where(eq(snapshots.id, old.id));
    }
    const rename = tx.update(snapshots).set({ name }).where(eq(snapshots.id, fresh.id)).returning();
    const [renamed] = await changeAndTell(tx, rename, fresh.teamId, snapshotEvents("created", { ...fresh, name }));
    if (renamed === undefined) throw new WrennError("not_found", `snapshot "${fresh.name}" was deleted meanwhile`);
    return renamed;
  });
}
