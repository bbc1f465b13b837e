/** What hosts have is promised by one transaction at a time, so that two cannot take the same. */
import { eq, inArray, isNotNull, notInArray, sql } from "drizzle-orm";
import type { Database, Queries } from "../db/database.ts";
import { ADVISORY_LOCKS } from "../db/locks.ts";
import { capsules, hosts } from "../db/schema.ts";
import { isDraining, isRegistered } from "../hosts/registry.ts";
import { type HostLoad, RESERVING_STATES } from "./place.ts";

/** Nobody reserves anything until the transaction ends. */
export async function holdPlacement(tx: Queries): Promise<void> {
  await tx.execute(sql`SELECT pg_advisory_xact_lock(${ADVISORY_LOCKS.placement})`);
}

/** Runs `body` with what the hosts hold; the rows that it writes in its transaction are the reservation. */
export function reserving<T>(db: Database, body: (tx: Queries, hosts: HostLoad[]) => Promise<T>): Promise<T> {
  return db.queries.transaction(async (tx) => {
    await holdPlacement(tx);
    return body(tx, await hostLoads(tx));
  });
}

async function hostLoads(queries: Queries): Promise<HostLoad[]> {
  const lives = inArray(capsules.state, [...RESERVING_STATES]);
  const reserved = queries
    .select({
      hostId: capsules.hostId,
      memoryMb: sql<number>`coalesce(sum(${capsules.memoryMb}) filter (where ${lives}), 0)::int`.as("memory_reserved"),
      vcpus: sql<number>`coalesce(sum(${capsules.vcpus}) filter (where ${lives}), 0)::int`.as("vcpus_reserved"),
      diskMb: sql<number>`coalesce(sum(${capsules.diskSizeMb}), 0)::float8`.as("disk_reserved"),
    })
    .from(capsules)
    .where(notInArray(capsules.state, ["stopped", "error"]))
    .groupBy(capsules.hostId)
    .as("reserved");
  const rows = await queries
    .select({ host: hosts, memoryMb: reserved.memoryMb, vcpus: reserved.vcpus, diskMb: reserved.diskMb })
    .from(hosts)
    .leftJoin(reserved, eq(reserved.hostId, hosts.id))
    .where(isNotNull(hosts.address));
  return rows.flatMap(({ host, memoryMb, vcpus, diskMb }) => {
    if (!isRegistered(host)) return [];
    const { id, address, certFingerprint, previousFingerprint, type, teamId, tags, templates, diskFreeMb } = host;
    // A control plane of before takes one that is back for online, whatever it was told to be then.
    const status = host.status === "online" && isDraining(host) ? "draining" : host.status;
    return {
      ...{ id, address, certFingerprint, previousFingerprint, status, type, teamId, tags, templates, diskFreeMb },
      total: { memoryMb: host.memoryMb, vcpus: host.cpuCores, diskMb: host.diskMb },
      reserved: { memoryMb: memoryMb ?? 0, vcpus: vcpus ?? 0, diskMb: diskMb ?? 0 },
    };
  });
}
