/** What teams and capsules used: samples, and what they add up to. */
import { bigint, date, doublePrecision, index, integer, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { capsules } from "./capsules.ts";
import { time } from "./columns.ts";
import { teams } from "./identity.ts";

/** What a team held in each ten seconds; a row for each in which it held something. */
export const teamSamples = pgTable(
  "team_samples",
  {
    teamId: uuid("team_id")
      .notNull()
      .references(() => teams.id, { onDelete: "cascade" }),
    /** the beginning of the ten seconds: a second sample of them changes nothing */
    at: time("at").notNull(),
    runningCount: integer("running_count").notNull(),
    vcpus: integer("vcpus").notNull(),
    memoryMb: integer("memory_mb").notNull(),
  },
  (table) => [primaryKey({ columns: [table.teamId, table.at] }), index("team_samples_at").on(table.at)],
);

/** The ten seconds that were sampled: what was not is made up for from the capsules' own times. */
export const sampledSlots = pgTable("sampled_slots", { at: time("at").primaryKey() });

/** Of each whole day (UTC) that is over and was added up. */
export const dailyUsage = pgTable(
  "daily_usage",
  {
    teamId: uuid("team_id")
      .notNull()
      .references(() => teams.id, { onDelete: "cascade" }),
    day: date("day", { mode: "string" }).notNull(),
    cpuMinutes: doublePrecision("cpu_minutes").notNull(),
    ramMbMinutes: doublePrecision("ram_mb_minutes").notNull(),
  },
  (table) => [primaryKey({ columns: [table.teamId, table.day] })],
);

/** seconds and how many of them: 1 s for 10 min, 30 s for 2 h, 5 min for 24 h */
export const METRIC_TIERS = ["10m", "2h", "24h"] as const;
export type MetricTier = (typeof METRIC_TIERS)[number];

/** What the host agent had sampled of a capsule until it was paused or destroyed. */
export const capsuleMetrics = pgTable(
  "capsule_metrics",
  {
    capsuleId: uuid("capsule_id")
      .notNull()
      .references(() => capsules.id, { onDelete: "cascade" }),
    tier: text("tier", { enum: METRIC_TIERS }).notNull(),
    at: time("at").notNull(),
    /** 0 to 100, of all its vCPUs together */
    cpuPct: doublePrecision("cpu_pct").notNull(),
    memBytes: bigint("mem_bytes", { mode: "number" }).notNull(),
    diskBytes: bigint("disk_bytes", { mode: "number" }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.capsuleId, table.tier, table.at] })],
);
