/** Memory is promised by one transaction at a time, so that two cannot take the same. */
import { and, eq, inArray, isNotNull, sql } from "drizzle-orm";
import type { Database, Queries } from "../db/database.ts";
import { ADVISORY_LOCKS } from "../db/locks.ts";
import { capsules, hosts } from "../db/schema.ts";
import { type HostLoad, RESERVING_STATES } from "./place.ts";

/** Runs `body` with what the hosts hold; the rows that it writes in its transaction are the reservation. */
export function reserving<T>(db: Database, body: (tx: Queries, hosts: HostLoad[]) => Promise<T>): Promise<T> {
  return db.queries.transaction(async (tx) => {
    await tx.execute(sql`SELECT pg_advisory_xact_lock(${ADVISORY_LOCKS.placement})`);
    return body(tx, await hostLoads(tx));
  });
}

async function hostLoads(queries: Queries): Promise<HostLoad[]> {
  return queries
    .select({
      id: hosts.id,
      address: sql<string>`${hosts.address}`,
      status: hosts.status,
      memoryMb: hosts.memoryMb,
      reservedMb: sql<number>`coalesce(sum(${capsules.memoryMb}), 0)::int`,
    })
    .from(hosts)
    .leftJoin(capsules, and(eq(capsules.hostId, hosts.id), inArray(capsules.state, [...RESERVING_STATES])))
    .where(isNotNull(hosts.address))
    .groupBy(hosts.id);
}
