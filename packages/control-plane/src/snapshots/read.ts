/** Reads of snapshots and checkpoints. */
import { WrennError } from "@wrenn/protocol/errors";
import { idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import { and, desc, eq, inArray, or } from "drizzle-orm";
import type { Database, Queries } from "../db/database.ts";
import { type SnapshotRow, snapshots } from "../db/schema.ts";

/** Its snapshots are for all teams. */
const PLATFORM = idToUuid(PLATFORM_TEAM);

function named(teamId: string, name: string) {
  return and(eq(snapshots.teamId, teamId), eq(snapshots.kind, "snapshot"), eq(snapshots.name, name));
}

function ofCapsule(capsuleId: string) {
  return and(eq(snapshots.capsuleId, capsuleId), eq(snapshots.kind, "checkpoint"));
}

/** The team's snapshot in any state. */
export async function findSnapshot(db: Database, teamId: string, name: string): Promise<SnapshotRow | undefined> {
  const [row] = await db.queries.select().from(snapshots).where(named(teamId, name));
  return row;
}

/**
 * The snapshot that a capsule can be started from, the team's own or else the platform's; nobody deletes it while the
 * transaction lasts.
 */
export async function lockReadySnapshot(tx: Queries, teamId: string, name: string): Promise<SnapshotRow | undefined> {
  const rows = await tx
    .select()
    .from(snapshots)
    .where(and(or(named(teamId, name), named(PLATFORM, name)), eq(snapshots.state, "ready")))
    .for("share");
  return rows.find((row) => row.teamId === teamId) ?? rows[0];
}

/** Those that can be used: the team's own and the platform's. */
export function listSnapshots(db: Database, teamId: string): Promise<SnapshotRow[]> {
  return db.queries
    .select()
    .from(snapshots)
    .where(
      and(inArray(snapshots.teamId, [teamId, PLATFORM]), eq(snapshots.kind, "snapshot"), eq(snapshots.state, "ready")),
    );
}

/** Whether the platform offers a snapshot of this name to all teams. */
export async function isOfferedToAll(db: Database, name: string): Promise<boolean> {
  return (await findSnapshot(db, PLATFORM, name)) !== undefined;
}

/** Those of all teams that can be used, newest first. */
export function listAllSnapshots(db: Database): Promise<SnapshotRow[]> {
  return db.queries
    .select()
    .from(snapshots)
    .where(and(eq(snapshots.kind, "snapshot"), eq(snapshots.state, "ready")))
    .orderBy(desc(snapshots.createdAt), desc(snapshots.id));
}

/** The capsule's checkpoint in any state. @throws not_found */
export async function getCheckpoint(db: Database, capsuleId: string, name: string): Promise<SnapshotRow> {
  const [row] = await db.queries
    .select()
    .from(snapshots)
    .where(and(ofCapsule(capsuleId), eq(snapshots.name, name)));
  if (row === undefined) throw new WrennError("not_found", `the capsule has no checkpoint "${name}"`);
  return row;
}

/** Those that can be used, newest first. */
export function listCheckpoints(db: Database, capsuleId: string): Promise<SnapshotRow[]> {
  return db.queries
    .select()
    .from(snapshots)
    .where(and(ofCapsule(capsuleId), eq(snapshots.state, "ready")))
    .orderBy(desc(snapshots.createdAt), desc(snapshots.id));
}
