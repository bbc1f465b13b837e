/** The life of a snapshot's row: it claims the name before the host is called, and is published when the host has the files. */
import { randomBytes } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import type { SnapshotInfo } from "@wrenn/protocol/gen/hostagent_pb";
import { idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import { and, eq } from "drizzle-orm";
import { type SnapshotKind, type SnapshotRow, snapshots, type Timings } from "../db/schema.ts";
import { newEvent } from "../events/event.ts";
import { changeAndTell } from "../events/tell.ts";
import { holdTeam } from "../identity/team-lock.ts";
import { requireQuota } from "../quotas/quotas.ts";
import type { SnapshotDeps } from "./deps.ts";
import { isShared } from "./read.ts";
import { isBaseTemplate } from "./templates.ts";

export type Claim = Pick<
  SnapshotRow,
  "id" | "teamId" | "kind" | "capsuleId" | "hostId" | "template" | "vcpus" | "memoryMb" | "diskSizeMb"
>;

const AUTO_NAMES: Record<SnapshotKind, string> = { snapshot: "template", checkpoint: "checkpoint" };

/**
 * The row in `creating`, whose name nobody else can have from now on.
 * @param name made up when absent
 * @throws quota_exceeded, name_reserved, template_name_taken; conflict when the capsule has a checkpoint of the name
 */
export async function claimName(deps: SnapshotDeps, claim: Claim, name: string | undefined): Promise<SnapshotRow> {
  const chosen = name ?? `${AUTO_NAMES[claim.kind]}-${randomBytes(4).toString("hex")}`;
  if (claim.kind === "snapshot") await requireUnreserved(deps, claim.teamId, chosen);
  const [row] = await deps.db.queries.transaction(async (tx) => {
    await requireQuota(tx, deps.quotas, claim.teamId, { snapshots: 1 });
    await holdTeam(tx, claim.teamId);
    return tx
      .insert(snapshots)
      .values({ ...claim, name: chosen, state: "creating" })
      .onConflictDoNothing()
      .returning();
  });
  if (row !== undefined) return row;
  if (claim.kind === "checkpoint") throw new WrennError("conflict", `the capsule has a checkpoint "${chosen}" already`);
  throw new WrennError("template_name_taken", `there is a snapshot "${chosen}" already`);
}

/** @throws name_reserved for what would hide a template that the platform offers to all teams */
async function requireUnreserved({ db }: SnapshotDeps, teamId: string, name: string): Promise<void> {
  if (await isBaseTemplate(db, teamId, name)) {
    throw new WrennError("name_reserved", `"${name}" is the name of a base template`);
  }
  if (teamId !== idToUuid(PLATFORM_TEAM) && (await isShared(db, name))) {
    throw new WrennError("name_reserved", `"${name}" is the name of a template of the platform`);
  }
}

/** The row in `ready` with what its host says of it; undefined when it is to be deleted meanwhile. */
export async function publishSnapshot(
  deps: SnapshotDeps,
  row: SnapshotRow,
  info: SnapshotInfo,
  timings?: Timings,
): Promise<SnapshotRow | undefined> {
  const publish = deps.db.queries
    .update(snapshots)
    .set({
      state: "ready",
      template: info.template || row.template,
      vcpus: info.vcpus,
      memoryMb: info.memoryMb,
      diskSizeMb: info.diskSizeMb,
      sizeBytes: Number(info.sizeBytes),
      metadata: Object.keys(info.metadata).length > 0 ? info.metadata : null,
      ...(timings === undefined ? {} : { timings }),
    })
    .where(and(eq(snapshots.id, row.id), eq(snapshots.state, "creating")))
    .returning();
  const [ready] = await changeAndTell(deps.db.queries, publish, row.teamId, snapshotEvents("created", row));
  if (ready !== undefined) deps.logger.info({ event: "snapshot_ready", snapshot: row.id, kind: row.kind });
  return ready;
}

/** Checkpoints are a matter of their capsule. */
export function snapshotEvents(what: "created" | "deleted", { kind, teamId, name }: SnapshotRow) {
  if (kind === "checkpoint") return [];
  return [newEvent(`template.snapshot.${what}`, teamId, { id: name, type: "snapshot" })];
}
