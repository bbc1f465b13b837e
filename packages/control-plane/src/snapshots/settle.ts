/** Makes the snapshots of the database and of one host agree. A host's files are removed only when a row says so. */

import type { ListSnapshotsResponse, SnapshotInfo } from "@wrenn/protocol/gen/hostagent_pb";
import { and, eq, inArray } from "drizzle-orm";
import { capsules, type SnapshotRow, snapshots } from "../db/schema.ts";
import { hostError } from "../hosts/errors.ts";
import type { RegisteredHost } from "../hosts/registry.ts";
import { publishSnapshot } from "./claim.ts";
import { finishOrLeave } from "./delete.ts";
import type { SnapshotDeps } from "./deps.ts";

/** Returns the ids of the host's snapshots that no row knows. */
export async function settleSnapshots(
  deps: SnapshotDeps,
  host: RegisteredHost,
  signal: AbortSignal,
): Promise<string[]> {
  await orphanCheckpoints(deps, host);
  // Rows first: one is written before its files and outlives them, so files without a row are truly nobody's.
  const rows = await deps.db.queries.select().from(snapshots).where(eq(snapshots.hostId, host.id));
  const busy = await deps.operations.among(rows.map(({ id }) => id));
  const idle = rows.filter((row) => !busy.has(row.id));
  const listed = await listOnHost(deps, host, signal);
  const present = new Map(listed.snapshots.map((info) => [info.snapshotId, info]));
  // A host may still work on what a control plane before this one asked for.
  const making = new Set(listed.making);
  const begun = await deps.operations.among(idle.map(({ id }) => id));
  for (const row of idle.filter(({ id }) => !begun.has(id) && !making.has(id))) {
    await settleSnapshot(deps, row, present.get(row.id), signal);
  }
  const known = new Set(rows.map(({ id }) => id));
  return unclaimed(
    deps,
    [...present.keys()].filter((id) => !known.has(id)),
  );
}

async function listOnHost(
  deps: SnapshotDeps,
  host: RegisteredHost,
  signal: AbortSignal,
): Promise<ListSnapshotsResponse> {
  try {
    return await deps.hosts.get(host).unary.listSnapshots({}, { signal });
  } catch (error) {
    throw hostError(error);
  }
}

/** A capsule that ended by itself left its checkpoints to nobody. */
async function orphanCheckpoints({ db }: SnapshotDeps, host: RegisteredHost): Promise<void> {
  const ended = db.queries
    .select({ id: capsules.id })
    .from(capsules)
    .where(and(eq(capsules.hostId, host.id), inArray(capsules.state, ["stopped", "error"])));
  await db.queries
    .update(snapshots)
    .set({ state: "deleting" })
    .where(
      and(
        eq(snapshots.hostId, host.id),
        eq(snapshots.kind, "checkpoint"),
        eq(snapshots.state, "ready"),
        inArray(snapshots.capsuleId, ended),
      ),
    );
}

async function settleSnapshot(
  deps: SnapshotDeps,
  row: SnapshotRow,
  info: SnapshotInfo | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (row.state === "deleting") return finishOrLeave(deps, row, signal);
  if (row.state !== "creating") return;
  if (info !== undefined) await publishSnapshot(deps, row, info);
  else await deps.db.queries.delete(snapshots).where(and(eq(snapshots.id, row.id), eq(snapshots.state, "creating")));
}

/** Those that still have no row: one may have been claimed after the rows were read. */
async function unclaimed({ db }: SnapshotDeps, ids: string[]): Promise<string[]> {
  const uuids = ids.filter((id) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id));
  const rows =
    uuids.length === 0
      ? []
      : await db.queries.select({ id: snapshots.id }).from(snapshots).where(inArray(snapshots.id, uuids));
  const known = new Set(rows.map(({ id }) => id));
  return ids.filter((id) => !known.has(id));
}
