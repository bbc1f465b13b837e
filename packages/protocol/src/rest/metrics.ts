/** REST schemas of what is measured of a capsule. */
import { z } from "zod";
import { METRIC_RANGES, type MetricRange } from "../metric-tiers.ts";
import { idOf } from "./common.ts";

const range = z.enum(Object.keys(METRIC_RANGES) as [MetricRange, ...MetricRange[]]);

export const metricsQuery = z.object({
  range: range
    .default("10m")
    .describe("Until now: 5m and 10m in points of 1 s, 1h and 2h of 30 s, 6h, 12h and 24h of 5 min"),
});

export const metricsSchema = z
  .object({
    sandbox_id: idOf("capsule"),
    range,
    points: z
      .array(
        z.object({
          timestamp_unix: z
            .int()
            .meta({ examples: [1_772_366_400] })
            .describe("Beginning of what the point is an average of"),
          cpu_pct: z
            .number()
            .meta({ examples: [12.5] })
            .describe("0 to 100, of all vCPUs together"),
          mem_bytes: z
            .int()
            .meta({ examples: [268_435_456] })
            .describe("Memory that the guest cannot do without"),
          disk_bytes: z
            .int()
            .meta({ examples: [104_857_600] })
            .describe("Disk of the host that the capsule takes beyond its base image"),
        }),
      )
      .describe("Ascending; nothing while the capsule was paused"),
  })
  .meta({ id: "CapsuleMetrics" });
export type CapsuleMetrics = z.infer<typeof metricsSchema>;
