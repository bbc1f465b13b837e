/** Deletion of a host, and what would be lost with it: capsules, paused ones too, and snapshots. */
import { type Id, idFromUuid } from "@wrenn/protocol/ids";
import { and, eq, notInArray } from "drizzle-orm";
import type { Database, Queries } from "../db/database.ts";
import { capsules, type HostRow, hosts, snapshots } from "../db/schema.ts";
import { revokeHostTokens } from "../hosts/credentials.ts";
import { HostInUse } from "../hosts/host-in-use.ts";
import { getManagedHost, type NamedHost } from "../hosts/manage.ts";
import { isRegistered } from "../hosts/registry.ts";
import type { UserPrincipal } from "../identity/principal.ts";
import { holdPlacement } from "../placement/load.ts";
import { loseSnapshotsOf } from "../snapshots/delete.ts";
import type { CapsuleDeps } from "./deps.ts";
import { keepMetricsFrom } from "./metrics.ts";
import { loseCapsulesOf } from "./stop-all.ts";

export interface Holdings {
  /** wire ids */
  readonly sandboxIds: Id<"capsule">[];
  /** names */
  readonly snapshots: string[];
}

/** Of all the machines that a host that is deleted shall remove. */
const FAREWELL_MS = 10_000;

async function holdingsOf(queries: Queries, hostId: string): Promise<Holdings> {
  const held = await queries
    .select({ id: capsules.id })
    .from(capsules)
    .where(and(eq(capsules.hostId, hostId), notInArray(capsules.state, ["stopped", "error"])))
    .orderBy(capsules.createdAt);
  const saved = await queries
    .select({ name: snapshots.name })
    .from(snapshots)
    .where(and(eq(snapshots.hostId, hostId), eq(snapshots.kind, "snapshot")))
    .orderBy(snapshots.name);
  return { sandboxIds: held.map(({ id }) => idFromUuid("capsule", id)), snapshots: saved.map(({ name }) => name) };
}

/** @throws not_found, forbidden */
export async function previewDeletion(
  db: Database,
  asker: UserPrincipal,
  id: Id<"host">,
): Promise<Holdings & { host: NamedHost }> {
  const host = await getManagedHost(db, asker, id);
  return { host, ...(await holdingsOf(db.queries, host.row.id)) };
}

/**
 * From now on the host is refused, and nothing is placed on it. With `force` its capsules end; one that answers removes their
 * machines.
 * @throws not_found, forbidden; has_active_sandboxes unless `force`
 */
export async function deleteHost(
  deps: CapsuleDeps,
  asker: UserPrincipal,
  id: Id<"host">,
  force: boolean,
): Promise<HostRow> {
  const { row } = await getManagedHost(deps.db, asker, id);
  const held = await deps.db.queries.transaction((tx) => remove(tx, deps, row.id, force));
  if (isRegistered(row)) {
    await farewell(deps, row, held);
    deps.hosts.drop(row);
  }
  deps.logger.info({ event: "host_deleted", host: id, capsules: held.sandboxIds.length });
  return row;
}

/** Under the lock of placement: no capsule is placed on it between the look and the end. */
async function remove(tx: Queries, deps: CapsuleDeps, hostId: string, force: boolean): Promise<Holdings> {
  await holdPlacement(tx);
  const held = await holdingsOf(tx, hostId);
  if (!force && held.sandboxIds.length + held.snapshots.length > 0) {
    throw new HostInUse(held.sandboxIds, held.snapshots.length);
  }
  await loseCapsulesOf(tx, deps, hostId);
  await loseSnapshotsOf(tx, hostId);
  await revokeHostTokens(tx, hostId);
  const now = new Date();
  const gone = { address: null, certFingerprint: null, previousFingerprint: null };
  await tx
    .update(hosts)
    .set({ ...gone, status: "offline", deletedAt: now, updatedAt: now })
    .where(eq(hosts.id, hostId));
  return held;
}

/** What it does not hear of now stays on it: nobody asks it again. */
async function farewell(deps: CapsuleDeps, row: HostRow & { address: string }, held: Holdings): Promise<void> {
  const { unary } = deps.hosts.get(row);
  const options = { signal: AbortSignal.timeout(FAREWELL_MS) };
  const removals = held.sandboxIds.map(async (sandboxId) => {
    await keepMetricsFrom(deps, unary, sandboxId);
    await unary.destroySandbox({ sandboxId }, options);
  });
  const left = (await Promise.allSettled(removals)).filter(({ status }) => status === "rejected").length;
  if (left > 0) deps.logger.warn({ event: "machines_left", host: idFromUuid("host", row.id), count: left });
}
