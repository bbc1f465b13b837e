/** What is kept of measurements of a capsule: three tiers, each coarser and longer than the one before. */

export const METRIC_TIER_NAMES = ["10m", "2h", "24h"] as const;
export type MetricTier = (typeof METRIC_TIER_NAMES)[number];

/** Seconds from point to point, and how many points are kept. */
export const METRIC_TIERS = {
  "10m": { seconds: 1, points: 600 },
  "2h": { seconds: 30, points: 240 },
  "24h": { seconds: 300, points: 288 },
} as const satisfies Record<MetricTier, { seconds: number; points: number }>;

/** What can be asked for: the tier that it is answered from, and how many seconds of it. */
export const METRIC_RANGES = {
  "5m": { tier: "10m", seconds: 300 },
  "10m": { tier: "10m", seconds: 600 },
  "1h": { tier: "2h", seconds: 3600 },
  "2h": { tier: "2h", seconds: 7200 },
  "6h": { tier: "24h", seconds: 6 * 3600 },
  "12h": { tier: "24h", seconds: 12 * 3600 },
  "24h": { tier: "24h", seconds: 24 * 3600 },
} as const satisfies Record<string, { tier: MetricTier; seconds: number }>;
export type MetricRange = keyof typeof METRIC_RANGES;
