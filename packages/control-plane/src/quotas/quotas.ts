/** How much a team may hold at a time, and the one check of it: in the transaction that takes what was asked for. */
import { WrennError } from "@wrenn/protocol/errors";
import { isEnded, STATES } from "@wrenn/protocol/states";
import { and, eq, inArray, ne, type SQLWrapper, sql } from "drizzle-orm";
import type { Database, Queries } from "../db/database.ts";
import { capsules, snapshots, teams } from "../db/schema.ts";
import { RESERVING_STATES } from "../placement/place.ts";

export interface Amounts {
  /** that have not ended, and that nobody has destroyed */
  readonly capsules: number;
  /** of capsules that run */
  readonly vcpus: number;
  /** MiB of capsules that run */
  readonly memoryMb: number;
  /** MiB that the disks of these capsules can grow to */
  readonly diskMb: number;
  /** snapshots and checkpoints */
  readonly snapshots: number;
}

type Quota = keyof Amounts;

/** null is no limit */
export type QuotaLimits = Readonly<Record<Quota, number | null>>;

const WORDS: Record<Quota, string> = {
  capsules: "capsules",
  vcpus: "vCPUs",
  memoryMb: "MiB of memory",
  diskMb: "MiB of disk",
  snapshots: "snapshots and checkpoints",
};

/** A capsule that is stopping is its host's matter, which may be away for long: placement counts it, its team has given it up. */
const LIVE = STATES.filter((state) => !isEnded(state) && state !== "stopping");

/** What the team may hold: its own limits, and those of the platform where it has none. @throws not_found */
async function limitsOf(
  queries: Queries,
  platform: QuotaLimits,
  teamId: string,
  lock: { readonly lock: boolean },
): Promise<QuotaLimits> {
  const team = queries
    .select({
      capsules: teams.maxCapsules,
      vcpus: teams.maxVcpus,
      memoryMb: teams.maxMemoryMb,
      diskMb: teams.maxDiskMb,
      snapshots: teams.maxSnapshots,
    })
    .from(teams)
    .where(eq(teams.id, teamId));
  const [own] = await (lock.lock ? team.for("no key update") : team);
  if (own === undefined) throw new WrennError("not_found", "the team does not exist");
  return {
    capsules: own.capsules ?? platform.capsules,
    vcpus: own.vcpus ?? platform.vcpus,
    memoryMb: own.memoryMb ?? platform.memoryMb,
    diskMb: own.diskMb ?? platform.diskMb,
    snapshots: own.snapshots ?? platform.snapshots,
  };
}

async function usedBy(queries: Queries, teamId: string): Promise<Amounts> {
  const reserving = inArray(capsules.state, [...RESERVING_STATES]);
  const total = (amount: SQLWrapper) => sql<number>`coalesce(sum(${amount}), 0)::float8`;
  const whileReserving = (column: SQLWrapper) => sql`CASE WHEN ${reserving} THEN ${column} END`;
  const [held] = await queries
    .select({
      capsules: sql<number>`count(*)::int`,
      vcpus: total(whileReserving(capsules.vcpus)),
      memoryMb: total(whileReserving(capsules.memoryMb)),
      diskMb: total(capsules.diskSizeMb),
    })
    .from(capsules)
    .where(and(eq(capsules.teamId, teamId), inArray(capsules.state, LIVE)));
  const [kept] = await queries
    .select({ snapshots: sql<number>`count(*)::int` })
    .from(snapshots)
    .where(and(eq(snapshots.teamId, teamId), ne(snapshots.state, "deleting")));
  return { capsules: 0, vcpus: 0, memoryMb: 0, diskMb: 0, ...held, snapshots: kept?.snapshots ?? 0 };
}

/**
 * Until the transaction ends nobody else takes anything for the team: the rows that it writes are what the next one counts.
 * @param platform limits of teams that have none of their own
 * @throws quota_exceeded
 */
export async function requireQuota(
  tx: Queries,
  platform: QuotaLimits,
  teamId: string,
  asked: Partial<Amounts>,
): Promise<void> {
  const limits = await limitsOf(tx, platform, teamId, { lock: true });
  const limited = (Object.keys(asked) as Quota[]).filter((quota) => limits[quota] !== null);
  if (limited.length === 0) return;
  const used = await usedBy(tx, teamId);
  for (const quota of limited) {
    const [limit, more] = [limits[quota] ?? 0, asked[quota] ?? 0];
    if (used[quota] + more <= limit) continue;
    throw new WrennError(
      "quota_exceeded",
      `the team may have ${limit} ${WORDS[quota]}: ${used[quota]} are in use, and ${more} more were asked for`,
    );
  }
}

/** @throws not_found */
export async function quotasOf(
  db: Database,
  platform: QuotaLimits,
  teamId: string,
): Promise<{ limits: QuotaLimits; used: Amounts }> {
  const limits = await limitsOf(db.queries, platform, teamId, { lock: false });
  return { limits, used: await usedBy(db.queries, teamId) };
}
