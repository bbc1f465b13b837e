/** Deletion: the row becomes `deleting`, the host removes the files, the row goes. The reconciler finishes what was cut off. */
import { WrennError } from "@wrenn/protocol/errors";
import { and, eq, notInArray, sql } from "drizzle-orm";
import { actingAs } from "../audit/actor.ts";
import { SYSTEM } from "../audit/entry.ts";
import type { Queries } from "../db/database.ts";
import { capsules, type SnapshotRow, snapshots } from "../db/schema.ts";
import { changeAndTell } from "../events/tell.ts";
import { hostError } from "../hosts/errors.ts";
import { getHost } from "../hosts/registry.ts";
import { snapshotEvents } from "./claim.ts";
import type { SnapshotDeps } from "./deps.ts";
import { findSnapshot, getCheckpoint, isShared } from "./read.ts";
import { isBaseTemplate } from "./templates.ts";

/** @throws not_found, forbidden for a base template, snapshot_in_use, invalid_state while it is made, host_unavailable */
export async function deleteSnapshot(deps: SnapshotDeps, teamId: string, name: string): Promise<void> {
  const row = await findSnapshot(deps.db, teamId, name);
  if (row !== undefined) return remove(deps, row);
  if ((await isBaseTemplate(deps.db, teamId, name)) || (await isShared(deps.db, name))) {
    throw new WrennError("forbidden", `"${name}" belongs to the platform`);
  }
  throw new WrennError("not_found", `snapshot "${name}" does not exist`);
}

/** @throws not_found, invalid_state while it is made, host_unavailable */
export async function deleteCheckpoint(deps: SnapshotDeps, capsuleId: string, name: string): Promise<void> {
  await remove(deps, await getCheckpoint(deps.db, capsuleId, name));
}

/** Removes the files, then the row. Harmless when either is gone already. */
export async function finishDeleting(deps: SnapshotDeps, row: SnapshotRow, signal?: AbortSignal): Promise<void> {
  const host = await getHost(deps.db, row.hostId);
  try {
    const { unary } = deps.hosts.get(host);
    await unary.deleteSnapshot({ snapshotId: row.id }, signal === undefined ? {} : { signal });
  } catch (error) {
    throw hostError(error);
  }
  await deps.db.queries.delete(snapshots).where(eq(snapshots.id, row.id));
  deps.logger.info({ event: "snapshot_deleted", snapshot: row.id, kind: row.kind });
}

/** Gives up a snapshot that was not made. What cannot be removed now is left to the reconciler. */
export async function discardSnapshot(deps: SnapshotDeps, row: SnapshotRow): Promise<void> {
  await deps.db.queries.update(snapshots).set({ state: "deleting" }).where(eq(snapshots.id, row.id));
  await finishOrLeave(deps, row);
}

/** The checkpoints of a capsule that ends: nothing can go back to them. */
export async function dropCheckpoints(deps: SnapshotDeps, capsuleId: string): Promise<SnapshotRow[]> {
  return deps.db.queries
    .update(snapshots)
    .set({ state: "deleting" })
    .where(and(eq(snapshots.capsuleId, capsuleId), eq(snapshots.kind, "checkpoint")))
    .returning();
}

/** All that a team has, which is no more. Returns those whose files can go now; what is still being made goes when it is there. */
export async function markAllDeleting(tx: Queries, teamId: string): Promise<SnapshotRow[]> {
  const mark = (state: SnapshotRow["state"]) =>
    tx
      .update(snapshots)
      .set({ state: "deleting" })
      .where(and(eq(snapshots.teamId, teamId), eq(snapshots.state, state)))
      .returning();
  await mark("creating");
  return mark("ready");
}

/** Those of a host that is no more, and their files with it. The caller has the lock of placement. */
export async function loseSnapshotsOf(tx: Queries, hostId: string): Promise<void> {
  const rows = await tx
    .select()
    .from(snapshots)
    .where(eq(snapshots.hostId, hostId))
    .orderBy(snapshots.id)
    .for("update");
  for (const row of rows) {
    const removal = tx.delete(snapshots).where(eq(snapshots.id, row.id)).returning();
    // One that is being made was never told of, one that is being deleted was.
    const events = row.state === "ready" ? actingAs(SYSTEM, () => snapshotEvents("deleted", row)) : [];
    await changeAndTell(tx, removal, row.teamId, events);
  }
}

export async function finishOrLeave(deps: SnapshotDeps, row: SnapshotRow, signal?: AbortSignal): Promise<void> {
  try {
    await finishDeleting(deps, row, signal);
  } catch (error) {
    deps.logger.warn({ event: "snapshot_left", snapshot: row.id, kind: row.kind, err: error });
  }
}

function remove(deps: SnapshotDeps, { id }: SnapshotRow): Promise<void> {
  return deps.operations.run(id, async () => {
    const row = await deps.db.queries.transaction((tx) => markDeleting(tx, id));
    if (row !== undefined) await finishDeleting(deps, row);
  });
}

/** From here on nobody can use it, so this is when it is told. The lock keeps capsules from being started from it between the look and the mark. */
export async function markDeleting(tx: Queries, id: string): Promise<SnapshotRow | undefined> {
  const [row] = await tx.select().from(snapshots).where(eq(snapshots.id, id)).for("update");
  if (row === undefined || row.state === "deleting") return row;
  if (row.state === "creating") {
    throw new WrennError("invalid_state", `${row.kind} "${row.name}" is still being made`);
  }
  const users = await countUsers(tx, id);
  if (users > 0) {
    const who = users === 1 ? "1 capsule that has" : `${users} capsules that have`;
    throw new WrennError("snapshot_in_use", `snapshot "${row.name}" is used by ${who} not ended`);
  }
  const mark = tx.update(snapshots).set({ state: "deleting" }).where(eq(snapshots.id, id)).returning();
  const [marked] = await changeAndTell(tx, mark, row.teamId, snapshotEvents("deleted", row));
  return marked;
}

async function countUsers(tx: Queries, id: string): Promise<number> {
  const [found] = await tx
    .select({ count: sql<number>`count(*)::int` })
    .from(capsules)
    .where(and(eq(capsules.snapshotId, id), notInArray(capsules.state, ["stopped", "error"])));
  return found?.count ?? 0;
}
