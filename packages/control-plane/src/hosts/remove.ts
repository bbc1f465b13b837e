/** Deletion of a host, and what would be lost with it: capsules, paused ones too, and snapshots. */
import { type Id, idFromUuid } from "@wrenn/protocol/ids";
import type { Logger } from "@wrenn/runtime/logger";
import { and, eq, notInArray, sql } from "drizzle-orm";
import type { Database, Queries } from "../db/database.ts";
import { ADVISORY_LOCKS } from "../db/locks.ts";
import { capsules, type HostRow, hosts, snapshots } from "../db/schema.ts";
import type { UserPrincipal } from "../identity/principal.ts";
import type { HostClients } from "./clients.ts";
import { revokeHostTokens } from "./credentials.ts";
import { HostInUse } from "./host-in-use.ts";
import { getManagedHost, type NamedHost } from "./manage.ts";
import { isRegistered } from "./registry.ts";

export interface RemoveDeps {
  readonly db: Database;
  readonly hosts: HostClients;
  readonly logger: Logger;
}

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
  deps: RemoveDeps,
  asker: UserPrincipal,
  id: Id<"host">,
  force: boolean,
): Promise<HostRow> {
  const { row } = await getManagedHost(deps.db, asker, id);
  const held = await deps.db.queries.transaction((tx) => remove(tx, row.id, force));
  if (isRegistered(row)) {
    await farewell(deps, row, held);
    deps.hosts.drop(row);
  }
  deps.logger.info({ event: "host_deleted", host: id, capsules: held.sandboxIds.length });
  return row;
}

/** Under the lock of placement: no capsule is placed on it between the look and the end. */
async function remove(tx: Queries, hostId: string, force: boolean): Promise<Holdings> {
  await tx.execute(sql`SELECT pg_advisory_xact_lock(${ADVISORY_LOCKS.placement})`);
  const held = await holdingsOf(tx, hostId);
  if (!force && held.sandboxIds.length + held.snapshots.length > 0) {
    throw new HostInUse(held.sandboxIds, held.snapshots.length);
  }
  const now = new Date();
  await tx
    .update(capsules)
    .set({ state: "stopped", endReason: "host_lost", endMessage: "the host was deleted", endedAt: now, updatedAt: now })
    .where(and(eq(capsules.hostId, hostId), notInArray(capsules.state, ["stopped", "error"])));
  await tx.delete(snapshots).where(eq(snapshots.hostId, hostId));
  await revokeHostTokens(tx, hostId);
  const gone = { address: null, certFingerprint: null, previousFingerprint: null };
  await tx
    .update(hosts)
    .set({ ...gone, status: "offline", deletedAt: now, updatedAt: now })
    .where(eq(hosts.id, hostId));
  return held;
}

/** What it does not hear of now stays on it: nobody asks it again. */
async function farewell(
  { hosts: clients, logger }: RemoveDeps,
  row: HostRow & { address: string },
  held: Holdings,
): Promise<void> {
  const { unary } = clients.get(row);
  const options = { signal: AbortSignal.timeout(FAREWELL_MS) };
  const removals = held.sandboxIds.map((sandboxId) => unary.destroySandbox({ sandboxId }, options));
  const left = (await Promise.allSettled(removals)).filter(({ status }) => status === "rejected").length;
  if (left > 0) logger.warn({ event: "machines_left", host: idFromUuid("host", row.id), count: left });
}
