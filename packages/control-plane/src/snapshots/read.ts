/** Reads of snapshots and checkpoints. */
import { WrennError } from "@wrenn/protocol/errors";
import { and, eq, or } from "drizzle-orm";
import type { Database, Queries } from "../db/database.ts";
import { newestFirst, type Page } from "../db/page.ts";
import { type SnapshotRow, snapshots } from "../db/schema.ts";

function named(teamId: string, name: string) {
  return and(eq(snapshots.teamId, teamId), eq(snapshots.kind, "snapshot"), eq(snapshots.name, name));
}

function sharedAs(name: string) {
  return and(snapshots.shared, eq(snapshots.name, name));
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
 * The snapshot that a capsule can be started from, the team's own or else one for all teams; nobody deletes it while the
 * transaction lasts.
 */
export async function lockReadySnapshot(tx: Queries, teamId: string, name: string): Promise<SnapshotRow | undefined> {
  const rows = await tx
    .select()
    .from(snapshots)
    .where(and(or(named(teamId, name), sharedAs(name)), eq(snapshots.state, "ready")))
    .for("share");
  return rows.find((row) => row.teamId === teamId) ?? rows[0];
}

/** Whether there is a snapshot of this name for all teams. */
export async function isShared(db: Database, name: string): Promise<boolean> {
  const rows = await db.queries.select({ id: snapshots.id }).from(snapshots).where(sharedAs(name));
  return rows.length > 0;
}

/** Those that can be used, the team's own and those for all teams, newest first. @param teamId undefined for those of every team */
export function listSnapshots(db: Database, teamId: string | undefined, page: Page): Promise<SnapshotRow[]> {
  const order = newestFirst(snapshots.createdAt, snapshots.id, page);
  const ready = and(eq(snapshots.kind, "snapshot"), eq(snapshots.state, "ready"));
  const usable = teamId === undefined ? undefined : or(eq(snapshots.teamId, teamId), snapshots.shared);
  return db.queries
    .select()
    .from(snapshots)
    .where(and(ready, usable, order.where))
    .orderBy(...order.by)
    .limit(page.limit);
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
export function listCheckpoints(db: Database, capsuleId: string, page: Page): Promise<SnapshotRow[]> {
  const order = newestFirst(snapshots.createdAt, snapshots.id, page);
  return db.queries
    .select()
    .from(snapshots)
    .where(and(ofCapsule(capsuleId), eq(snapshots.state, "ready"), order.where))
    .orderBy(...order.by)
    .limit(page.limit);
}
