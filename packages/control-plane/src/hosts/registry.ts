/** The rows of the hosts: which there are, what they can hold, whether they answer. */
import { randomUUID } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import type { GetHostResponse } from "@wrenn/protocol/gen/hostagent_pb";
import { count, eq, isNotNull, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { prepared } from "../db/prepared.ts";
import { HOST_STATUSES, type HostRow, type HostStatus, hosts } from "../db/schema.ts";

/** One that has told where it listens. */
export type RegisteredHost = HostRow & { readonly address: string };

/** Ensures the row of the host at this address. */
export async function ensureHost(db: Database, address: string): Promise<void> {
  await db.queries.insert(hosts).values({ id: randomUUID(), address }).onConflictDoNothing({ target: hosts.address });
}

/** Those that have registered, oldest first. */
export async function listHosts(db: Database): Promise<RegisteredHost[]> {
  const rows = await db.queries.select().from(hosts).where(isNotNull(hosts.address)).orderBy(hosts.createdAt);
  return rows.filter(isRegistered);
}

function isRegistered(host: HostRow): host is RegisteredHost {
  return host.address !== null;
}

/** Each status, 0 where there is no host of it. */
export async function countHosts(db: Database): Promise<Record<HostStatus, number>> {
  const counts = Object.fromEntries(HOST_STATUSES.map((status) => [status, 0])) as Record<HostStatus, number>;
  const rows = await db.queries.select({ status: hosts.status, count: count() }).from(hosts).groupBy(hosts.status);
  for (const { status, count: number } of rows) counts[status] = number;
  return counts;
}

const hostById = prepared((queries) =>
  queries
    .select()
    .from(hosts)
    .where(eq(hosts.id, sql.placeholder("id")))
    .prepare("host_by_id"),
);

/** @throws host_unavailable when there is no such host */
export async function getHost(db: Database, id: string): Promise<RegisteredHost> {
  const [host] = await hostById(db).execute({ id });
  if (host === undefined || !isRegistered(host))
    throw new WrennError("host_unavailable", "the host of this capsule is no longer registered");
  return host;
}

/** The host answers: what it is, and that capsules may be placed on it, unless it is being drained. */
export async function markOnline(db: Database, id: string, host: GetHostResponse): Promise<void> {
  const now = new Date();
  await db.queries
    .update(hosts)
    .set({
      status: sql`case when ${hosts.status} = 'draining' then 'draining' else 'online' end`,
      arch: host.arch,
      cpuCores: host.cpuCores,
      memoryMb: Number(host.memoryMb),
      diskFreeMb: Number(host.diskFreeMb),
      vmm: host.vmm,
      accelerator: host.accelerator,
      agentVersion: host.agentVersion,
      templates: host.templates,
      lastSeenAt: now,
      updatedAt: now,
    })
    .where(eq(hosts.id, id));
}

/** Nothing is placed on the host until it answers again; its capsules stay what they are. */
export async function markUnreachable(db: Database, id: string): Promise<void> {
  await db.queries
    .update(hosts)
    .set({
      status: sql`case when ${hosts.status} = 'draining' then 'draining' else 'unreachable' end`,
      updatedAt: new Date(),
    })
    .where(eq(hosts.id, id));
}
