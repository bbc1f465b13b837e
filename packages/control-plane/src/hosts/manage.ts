/** Hosts as their owners deal with them: entered, looked up, tagged, drained. */
import { randomUUID } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import { type Id, idToUuid } from "@wrenn/protocol/ids";
import { LIMITS } from "@wrenn/protocol/limits";
import { and, eq, isNull, ne, sql } from "drizzle-orm";
import type { Database, Queries } from "../db/database.ts";
import { newestFirst, type Page } from "../db/page.ts";
import { holdRoom } from "../db/room.ts";
import { type HostRow, hosts, teams } from "../db/schema.ts";
import type { UserPrincipal } from "../identity/principal.ts";
import { maySee, requireMayManage } from "./access.ts";
import { holdHost, issueRegistration } from "./credentials.ts";
import { mayEnrol } from "./registry.ts";

export interface NewHost {
  readonly type: HostRow["type"];
  /** UUID; for `byoc` the team of the session when absent */
  readonly teamId?: string | undefined;
  readonly provider?: string | undefined;
  readonly availabilityZone?: string | undefined;
  readonly tags?: readonly string[] | undefined;
}

export interface NamedHost {
  readonly row: HostRow;
  /** of the team whose it is */
  readonly teamName: string | null;
}

/** @throws forbidden; invalid_request when the team brings no hosts of its own; quota_exceeded */
export async function createHost(
  db: Database,
  asker: UserPrincipal,
  { type, provider, availabilityZone, tags = [], ...wanted }: NewHost,
): Promise<{ host: NamedHost; token: string }> {
  const teamId = type === "byoc" ? (wanted.teamId ?? asker.membership?.teamId) : null;
  if (teamId === undefined) throw new WrennError("invalid_request", "team_id is missing");
  if (type === "regular" && wanted.teamId !== undefined) {
    throw new WrennError("invalid_request", "a regular host belongs to the platform: leave team_id out");
  }
  requireMayManage(asker, { teamId });
  const id = randomUUID();
  return db.queries.transaction(async (tx) => {
    if (teamId !== null) {
      await requireByoc(tx, teamId);
      await holdRoom(tx, {
        owner: teamId,
        table: hosts,
        where: and(eq(hosts.teamId, teamId), isNull(hosts.deletedAt)),
        max: LIMITS.teamHosts,
        message: `a team brings at most ${LIMITS.teamHosts} hosts: delete one first`,
      });
    }
    await tx.insert(hosts).values({
      id,
      type,
      teamId,
      provider: provider ?? null,
      availabilityZone: availabilityZone ?? null,
      tags: [...new Set(tags)],
      createdBy: asker.userId,
    });
    return { host: await readHost(tx, id), token: await issueRegistration(tx, id) };
  });
}

async function requireByoc(tx: Queries, teamId: string): Promise<void> {
  const [team] = await tx
    .select()
    .from(teams)
    .where(and(eq(teams.id, teamId), isNull(teams.deletedAt)));
  if (team === undefined) throw new WrennError("not_found", "the team does not exist");
  if (!team.isByoc) {
    throw new WrennError("invalid_request", "the team may not bring hosts: an administrator of the platform allows it");
  }
}

function selectHosts(queries: Queries) {
  return queries.select({ row: hosts, teamName: teams.name }).from(hosts).leftJoin(teams, eq(teams.id, hosts.teamId));
}

/** @throws not_found */
async function readHost(queries: Queries, id: string): Promise<NamedHost> {
  const [host] = await selectHosts(queries).where(and(eq(hosts.id, id), isNull(hosts.deletedAt)));
  if (host === undefined) throw new WrennError("not_found", "the host does not exist");
  return host;
}

/** Those that the asker may see, newest first. */
export async function listVisibleHosts(db: Database, asker: UserPrincipal, page: Page): Promise<NamedHost[]> {
  const teamId = asker.membership?.teamId;
  if (!asker.isAdmin && teamId === undefined) return [];
  const order = newestFirst(hosts.createdAt, hosts.id, page);
  const seen = asker.isAdmin || teamId === undefined ? undefined : eq(hosts.teamId, teamId);
  return selectHosts(db.queries)
    .where(and(isNull(hosts.deletedAt), seen, order.where))
    .orderBy(...order.by)
    .limit(page.limit);
}

/** @throws not_found for one that does not exist or is not for the asker to see */
export async function getVisibleHost(db: Database, asker: UserPrincipal, id: Id<"host">): Promise<NamedHost> {
  const host = await readHost(db.queries, idToUuid(id));
  if (!maySee(asker, host.row)) throw new WrennError("not_found", "the host does not exist");
  return host;
}

/** @throws not_found, forbidden */
export async function getManagedHost(db: Database, asker: UserPrincipal, id: Id<"host">): Promise<NamedHost> {
  const host = await getVisibleHost(db, asker, id);
  requireMayManage(asker, host.row);
  return host;
}

/**
 * A new token for a host that has not enrolled, or that has lost what it proves itself with: it keeps its capsules. Tokens of
 * before are good for nothing any more.
 * @throws not_found, forbidden; invalid_request while it is in use
 */
export async function renewRegistration(
  db: Database,
  asker: UserPrincipal,
  id: Id<"host">,
): Promise<{ host: NamedHost; token: string }> {
  const host = await getManagedHost(db, asker, id);
  return db.queries.transaction(async (tx) => {
    await holdHost(tx, host.row.id);
    const there = and(eq(hosts.id, host.row.id), isNull(hosts.deletedAt));
    const [waiting] = await tx.select({ id: hosts.id }).from(hosts).where(and(there, mayEnrol));
    if (waiting === undefined) {
      throw new WrennError("invalid_request", `the host is ${host.row.status}: it needs no registration token`);
    }
    return { host, token: await issueRegistration(tx, host.row.id) };
  });
}

/** @throws not_found, forbidden; invalid_request when it has too many */
export async function addTag(db: Database, asker: UserPrincipal, id: Id<"host">, tag: string): Promise<HostRow> {
  const { row } = await getManagedHost(db, asker, id);
  const [changed] = await db.queries
    .update(hosts)
    .set({
      tags: sql`case when ${tag} = any(${hosts.tags}) or cardinality(${hosts.tags}) >= ${LIMITS.hostTags}
        then ${hosts.tags} else array_append(${hosts.tags}, ${tag}) end`,
      updatedAt: new Date(),
    })
    .where(and(eq(hosts.id, row.id), isNull(hosts.deletedAt)))
    .returning({ tags: hosts.tags });
  if (changed !== undefined && !changed.tags.includes(tag)) {
    throw new WrennError("invalid_request", `a host has at most ${LIMITS.hostTags} tags`);
  }
  return row;
}

/** Does nothing when it is not there. @throws not_found, forbidden */
export async function removeTag(db: Database, asker: UserPrincipal, id: Id<"host">, tag: string): Promise<HostRow> {
  const { row } = await getManagedHost(db, asker, id);
  await db.queries
    .update(hosts)
    .set({ tags: sql`array_remove(${hosts.tags}, ${tag})`, updatedAt: new Date() })
    .where(eq(hosts.id, row.id));
  return row;
}

/**
 * Nothing new is placed on a host that is being drained; what is there stays, and can be resumed and copied. One that is
 * unreachable stays so, and is drained when it is back.
 * @throws not_found, forbidden; invalid_state before it was online
 */
export async function setDraining(
  db: Database,
  asker: UserPrincipal,
  id: Id<"host">,
  draining: boolean,
): Promise<NamedHost> {
  const { row } = await getManagedHost(db, asker, id);
  const [changed] = await db.queries
    .update(hosts)
    .set({
      status: draining
        ? sql`case when ${hosts.status} = 'online' then 'draining' else ${hosts.status} end`
        : sql`case when ${hosts.status} = 'draining' then 'online' else ${hosts.status} end`,
      drainsWhenBack: draining ? sql`${hosts.status} = 'unreachable'` : false,
      updatedAt: new Date(),
    })
    .where(and(eq(hosts.id, row.id), isNull(hosts.deletedAt), ne(hosts.status, "pending")))
    .returning();
  if (changed === undefined) throw new WrennError("invalid_state", "the host has not enrolled yet");
  return readHost(db.queries, row.id);
}
