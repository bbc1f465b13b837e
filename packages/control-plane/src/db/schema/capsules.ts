/** Capsules, and what is kept of them: snapshots and checkpoints. */
import { LIMITS } from "@wrenn/protocol/limits";
import { END_REASONS, PAUSE_REASONS, STATES } from "@wrenn/protocol/states";
import { sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { time, words } from "./columns.ts";
import { hosts } from "./hosts.ts";
import { teams } from "./identity.ts";

export const SNAPSHOT_KINDS = ["snapshot", "checkpoint"] as const;
export type SnapshotKind = (typeof SNAPSHOT_KINDS)[number];

export const SNAPSHOT_STATES = ["creating", "ready", "deleting"] as const;

/** Milliseconds of each phase of an operation, as pairs: JSONB would not keep the order of an object's keys. */
export type Timings = [phase: string, ms: number][];

export const capsules = pgTable(
  "capsules",
  {
    id: uuid("id").primaryKey(),
    teamId: uuid("team_id")
      .notNull()
      .references(() => teams.id),
    hostId: uuid("host_id")
      .notNull()
      .references(() => hosts.id),
    /** written and read by earlier versions only, which may still run beside this one */
    requestHash: text("request_hash"),
    state: text("state", { enum: STATES }).notNull(),
    /** counts the lives of the capsule: 1, and one more with every resume and rollback */
    incarnation: integer("incarnation").notNull().default(1),
    /** the name that it was created by: of a base template or of a snapshot */
    template: text("template").notNull(),
    /** the base template that it descends from */
    baseTemplate: text("base_template").notNull(),
    /** the snapshot that it, or the capsule that it is a copy of, was started from */
    snapshotId: uuid("snapshot_id").references((): AnyPgColumn => snapshots.id, { onDelete: "set null" }),
    /** the capsule that it is a copy of */
    forkedFrom: uuid("forked_from").references((): AnyPgColumn => capsules.id),
    vcpus: integer("vcpus").notNull(),
    memoryMb: integer("memory_mb").notNull(),
    diskSizeMb: integer("disk_size_mb").notNull().default(LIMITS.diskSizeMb.default),
    timeoutSec: integer("timeout_sec").notNull(),
    /** a request that needs it wakes it */
    autoResume: boolean("auto_resume").notNull().default(false),
    guestIp: text("guest_ip"),
    hostIp: text("host_ip"),
    metadata: jsonb("metadata").$type<Record<string, string>>(),
    /** of the last create, pause, resume, fork or rollback */
    timings: jsonb("timings").$type<Timings>(),
    createdAt: time("created_at").notNull().defaultNow(),
    startedAt: time("started_at"),
    lastActiveAt: time("last_active_at"),
    updatedAt: time("updated_at").notNull().defaultNow(),
    /** absent unless it is paused, as is the reason */
    pausedAt: time("paused_at"),
    pauseReason: text("pause_reason", { enum: PAUSE_REASONS }),
    endedAt: time("ended_at"),
    endReason: text("end_reason", { enum: END_REASONS }),
    endMessage: text("end_message"),
  },
  (table) => [
    check("capsules_state", sql`${table.state} in (${words(STATES)})`),
    check("capsules_end_reason", sql`${table.endReason} in (${words(END_REASONS)})`),
    check("capsules_pause_reason", sql`${table.pauseReason} in (${words(PAUSE_REASONS)})`),
    index("capsules_team_created").on(table.teamId, table.createdAt.desc().nullsFirst()),
    index("capsules_host_live").on(table.hostId).where(sql`${table.state} not in ('stopped', 'error')`),
    index("capsules_snapshot").on(table.snapshotId).where(sql`${table.snapshotId} is not null`),
  ],
);

/** Snapshots, which are templates of their team, and checkpoints, which belong to one capsule. A row holds its name in every state. */
export const snapshots = pgTable(
  "snapshots",
  {
    id: uuid("id").primaryKey(),
    teamId: uuid("team_id")
      .notNull()
      .references(() => teams.id),
    name: text("name").notNull(),
    kind: text("kind", { enum: SNAPSHOT_KINDS }).notNull(),
    /** capsules of all teams may be started from it */
    shared: boolean("shared").notNull().default(false),
    /** the capsule that it was taken from */
    capsuleId: uuid("capsule_id")
      .notNull()
      .references(() => capsules.id),
    /** where its files are */
    hostId: uuid("host_id")
      .notNull()
      .references(() => hosts.id),
    state: text("state", { enum: SNAPSHOT_STATES }).notNull(),
    /** the base template that it descends from */
    template: text("template").notNull(),
    vcpus: integer("vcpus").notNull(),
    memoryMb: integer("memory_mb").notNull(),
    diskSizeMb: integer("disk_size_mb").notNull(),
    /** allocated bytes that only this snapshot uses */
    sizeBytes: bigint("size_bytes", { mode: "number" }).notNull().default(0),
    metadata: jsonb("metadata").$type<Record<string, string>>(),
    /** of its creation */
    timings: jsonb("timings").$type<Timings>(),
    createdAt: time("created_at").notNull().defaultNow(),
  },
  (table) => [
    check("snapshots_kind", sql`${table.kind} in (${words(SNAPSHOT_KINDS)})`),
    check("snapshots_state", sql`${table.state} in (${words(SNAPSHOT_STATES)})`),
    uniqueIndex("snapshots_team_name").on(table.teamId, table.name).where(sql`${table.kind} = 'snapshot'`),
    uniqueIndex("snapshots_capsule_name").on(table.capsuleId, table.name).where(sql`${table.kind} = 'checkpoint'`),
    index("snapshots_host").on(table.hostId),
  ],
);

export type CapsuleRow = typeof capsules.$inferSelect;
export type SnapshotRow = typeof snapshots.$inferSelect;
