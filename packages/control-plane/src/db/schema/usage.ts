/** What teams and capsules used, and what it adds up to. */
import { METRIC_TIER_NAMES } from "@wrenn/protocol/metric-tiers";
import { sql } from "drizzle-orm";
import {
  bigint,
  date,
  doublePrecision,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { capsules } from "./capsules.ts";
import { time } from "./columns.ts";
import { teams } from "./identity.ts";

/**
 * What capsules held, and from when to when: a trigger on their table writes it with every change of their state, whoever makes
 * it. A paused capsule counts with no CPU and half its memory; one that is missing or has ended, with nothing.
 */
export const capsuleSpans = pgTable(
  "capsule_spans",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    /** No reference: what was used outlives what used it. */
    capsuleId: uuid("capsule_id").notNull(),
    teamId: uuid("team_id")
      .notNull()
      .references(() => teams.id, { onDelete: "cascade" }),
    since: time("since").notNull(),
    /** `infinity` while it goes on */
    until: time("until").notNull().default(sql`'infinity'`),
    /** when `until` was written, which may be days after that moment; null while it goes on */
    closedAt: time("closed_at"),
    /** 1 while it runs, 0 while it is paused */
    running: integer("running").notNull(),
    vcpus: integer("vcpus").notNull(),
    memoryMb: integer("memory_mb").notNull(),
  },
  (table) => [
    uniqueIndex("capsule_spans_open").on(table.capsuleId).where(sql`${table.until} = 'infinity'`),
    index("capsule_spans_team").on(table.teamId, table.until),
    index("capsule_spans_until").on(table.until),
  ],
);

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

/** What the host agent had sampled of a capsule until it was paused or destroyed. */
export const capsuleMetrics = pgTable(
  "capsule_metrics",
  {
    capsuleId: uuid("capsule_id")
      .notNull()
      .references(() => capsules.id, { onDelete: "cascade" }),
    tier: text("tier", { enum: METRIC_TIER_NAMES }).notNull(),
    at: time("at").notNull(),
    /** 0 to 100, of all its vCPUs together */
    cpuPct: doublePrecision("cpu_pct").notNull(),
    memBytes: bigint("mem_bytes", { mode: "number" }).notNull(),
    diskBytes: bigint("disk_bytes", { mode: "number" }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.capsuleId, table.tier, table.at] })],
);
