/** REST schemas of what a team uses, used and may use. */
import { z } from "zod";
import { time } from "./capsules.ts";
import { idOf } from "./common.ts";

/** Seconds of one bucket of each range, and how many buckets there are. */
export const STATS_RANGES = {
  "5m": { seconds: 3, buckets: 100 },
  "1h": { seconds: 30, buckets: 120 },
  "6h": { seconds: 180, buckets: 120 },
  "24h": { seconds: 720, buckets: 120 },
  "30d": { seconds: 21_600, buckets: 120 },
} as const;
type StatsRange = keyof typeof STATS_RANGES;

const statsRange = z.enum(Object.keys(STATS_RANGES) as [StatsRange, ...StatsRange[]]);

export const statsQuery = z.object({ range: statsRange.default("1h") });

const running = z.int().describe("Capsules that run or start");
const vcpus = z.int().describe("Their vCPUs");
const memoryMb = z.int().describe("MiB of their memory, and half of that of paused ones");

export const statsSchema = z
  .object({
    range: statsRange,
    current: z.object({ running_count: running, vcpus_reserved: vcpus, memory_mb_reserved: memoryMb }),
    peaks: z
      .object({ running_count: running, vcpus, memory_mb: memoryMb })
      .describe("The most of each within thirty days"),
    series: z
      .object({
        labels: z.array(time.describe("Where the bucket begins")),
        running: z.array(running),
        vcpus: z.array(vcpus),
        memory_mb: z.array(memoryMb),
      })
      .describe("The most of each in every bucket of the range"),
  })
  .meta({ id: "Stats" });
export type Stats = z.infer<typeof statsSchema>;

const day = z.iso
  .date()
  .refine((text) => text >= "1970-01-01", "must not be before 1970-01-01")
  .describe("YYYY-MM-DD, UTC");

export const usageQuery = z.object({
  from: day.optional().describe("First day; 29 days before the last when absent"),
  to: day.optional().describe("Last day; today when absent"),
});

export const usageSchema = z
  .object({
    from: day,
    to: day,
    points: z.array(
      z.object({
        date: day,
        cpu_minutes: z.number().describe("Minutes of one vCPU that capsules had while they ran"),
        ram_mb_minutes: z.number().describe("Minutes of one MiB that they had, half of it while they were paused"),
      }),
    ),
  })
  .meta({ id: "Usage" });
export type Usage = z.infer<typeof usageSchema>;

function amounts<Value extends z.ZodType>(value: Value) {
  return z.object({
    capsules: value.describe("Capsules that have not ended, paused ones too"),
    vcpus: value.describe("vCPUs of capsules that run"),
    memory_mb: value.describe("MiB of memory of capsules that run"),
    disk_mb: value.describe("MiB that the disks of capsules that have not ended can grow to"),
    snapshots: value.describe("Snapshots and checkpoints"),
  });
}

export const quotasSchema = z
  .object({
    team_id: idOf("team"),
    limits: amounts(z.int().optional()).describe("What the team may hold at a time; what is absent has no limit"),
    used: amounts(z.int()).describe("What it holds"),
  })
  .meta({ id: "Quotas" });
export type Quotas = z.infer<typeof quotasSchema>;
