/** The rows of the hosts: which there are, what they can hold, whether they answer. */
import { WrennError } from "@wrenn/protocol/errors";
import type { GetHostResponse } from "@wrenn/protocol/gen/hostagent_pb";
import { idFromUuid, idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import { HOST_STATUSES, type HostStatus } from "@wrenn/protocol/rest/hosts";
import { and, count, eq, inArray, isNotNull, isNull, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { isDuplicate } from "../db/errors.ts";
import { prepared } from "../db/prepared.ts";
import { type HostRow, hosts } from "../db/schema.ts";
import { newEvent } from "../events/event.ts";
import { changeAndTell } from "../events/tell.ts";

/** One that has told where it listens. */
export type RegisteredHost = HostRow & { readonly address: string };

/** Those that have registered, oldest first. */
export async function listHosts(db: Database): Promise<RegisteredHost[]> {
  const rows = await db.queries.select().from(hosts).where(isNotNull(hosts.address)).orderBy(hosts.createdAt);
  return rows.filter(isRegistered);
}

/** Whether one host is where another one is already: of the platform, or of the same team. */
export function isAddressTaken(error: unknown): boolean {
  return isDuplicate(error, "hosts_platform_address") || isDuplicate(error, "hosts_team_address");
}

/** Of hosts that need to prove themselves anew: those that do not answer. */
export const mayEnrol = inArray(hosts.status, ["pending", "unreachable", "offline"]);

export function isRegistered(host: HostRow): host is RegisteredHost {
  return host.address !== null;
}

/** Each status, 0 where there is no host of it. */
export async function countHosts(db: Database): Promise<Record<HostStatus, number>> {
  const counts = Object.fromEntries(HOST_STATUSES.map((status) => [status, 0])) as Record<HostStatus, number>;
  const rows = await db.queries
    .select({ status: hosts.status, count: count() })
    .from(hosts)
    .where(isNull(hosts.deletedAt))
    .groupBy(hosts.status);
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
  await setStatus(db, id, "online", {
    arch: host.arch,
    cpuCores: host.cpuCores,
    memoryMb: Number(host.memoryMb),
    diskFreeMb: Number(host.diskFreeMb),
    ...(host.diskMb > 0n ? { diskMb: Number(host.diskMb) } : {}),
    vmm: host.vmm,
    accelerator: host.accelerator,
    agentVersion: host.agentVersion,
    templates: host.templates,
    lastSeenAt: now,
    updatedAt: now,
  });
}

/**
 * Nothing is placed on the host until it answers again; its capsules stay what they are. One that has never answered waits
 * to be enrolled.
 */
export async function markUnreachable(db: Database, id: string): Promise<void> {
  await setStatus(db, id, "unreachable", { updatedAt: new Date() });
}

/** Whether nothing new is placed on the host, also once it is back. */
export function isDraining({ status, drainsWhenBack }: Pick<HostRow, "status" | "drainsWhenBack">): boolean {
  return status === "draining" || drainsWhenBack;
}

/** What becomes of the host: one that is drained is so again when it is back, and only one that was there is missed. */
function stepOf(seen: HostRow, wanted: "online" | "unreachable"): Pick<HostRow, "status" | "drainsWhenBack"> {
  if (wanted === "online") return { status: isDraining(seen) ? "draining" : "online", drainsWhenBack: false };
  const { status, drainsWhenBack } = seen;
  return isThere(status) ? { status: "unreachable", drainsWhenBack: isDraining(seen) } : { status, drainsWhenBack };
}

function isThere(status: HostStatus): boolean {
  return status === "online" || status === "draining";
}

/** Tells of the step when it is one. */
async function setStatus(
  { queries }: Database,
  id: string,
  wanted: "online" | "unreachable",
  changes: Partial<HostRow>,
): Promise<void> {
  for (;;) {
    const [seen] = await queries
      .select()
      .from(hosts)
      .where(and(eq(hosts.id, id), isNull(hosts.deletedAt)));
    if (seen === undefined) return;
    const step = stepOf(seen, wanted);
    const swap = queries
      .update(hosts)
      .set({ ...changes, ...step })
      .where(and(eq(hosts.id, id), eq(hosts.status, seen.status), eq(hosts.drainsWhenBack, seen.drainsWhenBack)))
      .returning();
    const teamId = seen.teamId ?? idToUuid(PLATFORM_TEAM);
    const [moved] = await changeAndTell(queries, swap, teamId, hostEvents(seen, step.status, teamId));
    if (moved !== undefined) return;
    // Another control plane was first: look again.
  }
}

function hostEvents({ id, status: from }: HostRow, to: HostStatus, teamId: string) {
  const resource = { id: idFromUuid("host", id), type: "host" } as const;
  if (!isThere(from) && isThere(to)) return [newEvent("host.up", teamId, resource)];
  if (isThere(from) && to === "unreachable") return [newEvent("host.down", teamId, resource)];
  return [];
}
