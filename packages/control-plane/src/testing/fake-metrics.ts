/** What the fake host agent has measured of capsules: what tests put there. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { FlushSandboxMetricsResponseSchema, MetricPointSchema } from "@wrenn/protocol/gen/hostagent_pb";
import { METRIC_RANGES, type MetricRange, type MetricTier } from "@wrenn/protocol/metric-tiers";

type Point = MessageInitShape<typeof MetricPointSchema>;

export class FakeMetrics {
  readonly #points = new Map<string, Record<MetricTier, Point[]>>();

  /** @param at seconds since the epoch */
  measure(sandboxId: string, tier: MetricTier, at: number, cpuPct: number): void {
    const points = this.#points.get(sandboxId) ?? { "10m": [], "2h": [], "24h": [] };
    points[tier].push({ timestampUnix: BigInt(at), cpuPct, memBytes: 1_000_000n, diskBytes: 4096n });
    this.#points.set(sandboxId, points);
  }

  range(sandboxId: string, range: string): { points: Point[] } {
    const { tier } = METRIC_RANGES[range as MetricRange];
    return { points: this.#points.get(sandboxId)?.[tier] ?? [] };
  }

  flush(sandboxId: string, status: string): MessageInitShape<typeof FlushSandboxMetricsResponseSchema> {
    const points = this.#points.get(sandboxId);
    if (status !== "running") this.#points.delete(sandboxId);
    return { points10m: points?.["10m"] ?? [], points2h: points?.["2h"] ?? [], points24h: points?.["24h"] ?? [] };
  }
}
