/**
 * What was measured of a capsule. While it runs its host has it; a pause and an end write it to the database, where it stays for
 * a day. What cannot be written is lost, and holds nothing up.
 */
import { hasCode } from "@wrenn/protocol/errors";
import type { FlushSandboxMetricsResponse, MetricPoint } from "@wrenn/protocol/gen/hostagent_pb";
import { type Id, idFromUuid, idToUuid } from "@wrenn/protocol/ids";
import { METRIC_RANGES, METRIC_TIERS, type MetricRange, type MetricTier } from "@wrenn/protocol/metric-tiers";
import { and, asc, eq, gte, sql } from "drizzle-orm";
import { type CapsuleRow, capsuleMetrics } from "../db/schema.ts";
import type { HostAgentClient } from "../hosts/clients.ts";
import { hostError } from "../hosts/errors.ts";
import { getHost } from "../hosts/registry.ts";
import type { CapsuleDeps } from "./deps.ts";
import { getCapsule } from "./read.ts";

/** A host that runs answers from its memory. */
const TIMEOUT_MS = 2000;
const KEPT_MS = 24 * 3600 * 1000;

export interface Measured {
  readonly at: Date;
  /** 0 to 100, of all its vCPUs together */
  readonly cpuPct: number;
  readonly memBytes: number;
  readonly diskBytes: number;
}

function toMeasured({ timestampUnix, cpuPct, memBytes, diskBytes }: MetricPoint): Measured {
  return {
    at: new Date(Number(timestampUnix) * 1000),
    cpuPct,
    memBytes: Number(memBytes),
    diskBytes: Number(diskBytes),
  };
}

/** Ascending, until now. @throws not_found; host_unavailable while it runs on a host that does not answer */
export async function metricsOf(
  deps: CapsuleDeps,
  teamId: string,
  id: Id<"capsule">,
  range: MetricRange,
): Promise<Measured[]> {
  const row = await getCapsule(deps.db, teamId, id);
  const isLive = row.state === "running" || row.state === "pausing";
  const live = isLive ? await liveMetrics(deps, row, range) : [];
  // What was measured before its last pause is part of the same curve.
  const stored = await storedMetrics(deps, row, range);
  const times = new Set(live.map(({ at }) => at.getTime()));
  return [...stored.filter(({ at }) => !times.has(at.getTime())), ...live].toSorted((a, b) => +a.at - +b.at);
}

async function storedMetrics({ db }: CapsuleDeps, { id }: CapsuleRow, range: MetricRange): Promise<Measured[]> {
  const { tier, seconds } = METRIC_RANGES[range];
  return db.queries
    .select({
      at: capsuleMetrics.at,
      cpuPct: capsuleMetrics.cpuPct,
      memBytes: capsuleMetrics.memBytes,
      diskBytes: capsuleMetrics.diskBytes,
    })
    .from(capsuleMetrics)
    .where(
      and(
        eq(capsuleMetrics.capsuleId, id),
        eq(capsuleMetrics.tier, tier),
        gte(capsuleMetrics.at, new Date(Date.now() - seconds * 1000)),
      ),
    )
    .orderBy(asc(capsuleMetrics.at));
}

async function liveMetrics(deps: CapsuleDeps, row: CapsuleRow, range: MetricRange): Promise<Measured[]> {
  try {
    const { unary } = deps.hosts.get(await getHost(deps.db, row.hostId));
    const request = { sandboxId: idFromUuid("capsule", row.id), range };
    const { points } = await unary.getSandboxMetrics(request, { timeoutMs: TIMEOUT_MS });
    return points.map(toMeasured);
  } catch (error) {
    const known = hostError(error);
    // It has ended, and nobody here was told yet.
    if (hasCode(known, "not_found")) return [];
    throw known;
  }
}

/** Call it when the capsule has been paused, and before its machine is removed: its host forgets then. Never rejects. */
export async function keepMetrics(deps: CapsuleDeps, row: CapsuleRow): Promise<void> {
  const client = getHost(deps.db, row.hostId).then((host) => deps.hosts.get(host).unary);
  await keepMetricsFrom(deps, client, idFromUuid("capsule", row.id));
}

/** The same for a host that has no row any more. */
export async function keepMetricsFrom(
  deps: CapsuleDeps,
  client: HostAgentClient | Promise<HostAgentClient>,
  sandboxId: Id<"capsule">,
): Promise<void> {
  try {
    const flushed = await (await client).flushSandboxMetrics({ sandboxId }, { timeoutMs: TIMEOUT_MS });
    await store(deps, idToUuid(sandboxId), flushed);
  } catch (error) {
    if (hasCode(hostError(error), "not_found")) return;
    deps.logger.warn({ event: "metrics_lost", capsule: sandboxId, err: error });
  }
}

/** The points of a tier that can be: a host that says more is not believed. */
function believed(tier: MetricTier, points: readonly MetricPoint[]): Measured[] {
  const now = Date.now();
  return points
    .slice(-METRIC_TIERS[tier].points)
    .map(toMeasured)
    .filter(({ at }) => Math.abs(+at - now) <= KEPT_MS);
}

async function store(deps: CapsuleDeps, capsuleId: string, flushed: FlushSandboxMetricsResponse): Promise<void> {
  const { points10m, points2h, points24h } = flushed;
  const tiers: [MetricTier, readonly MetricPoint[]][] = [
    ["10m", points10m],
    ["2h", points2h],
    ["24h", points24h],
  ];
  const rows = tiers.flatMap(([tier, points]) =>
    believed(tier, points).map((point) => ({ capsuleId, tier, ...point })),
  );
  if (rows.length === 0) return;
  // A window that a pause cut in two is what its second part was.
  await deps.db.queries
    .insert(capsuleMetrics)
    .values(rows)
    .onConflictDoUpdate({
      target: [capsuleMetrics.capsuleId, capsuleMetrics.tier, capsuleMetrics.at],
      set: {
        cpuPct: sql`excluded.cpu_pct`,
        memBytes: sql`excluded.mem_bytes`,
        diskBytes: sql`excluded.disk_bytes`,
      },
    });
}
