/** The tables of the control plane. `drizzle-kit generate` turns a change of this file into the next SQL migration. */
import { END_REASONS, STATES } from "@wrenn/protocol/states";
import { sql } from "drizzle-orm";
import { check, index, integer, jsonb, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";

export const HOST_STATUSES = ["pending", "online", "offline", "draining", "unreachable"] as const;
export type HostStatus = (typeof HOST_STATUSES)[number];

const time = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });

/** A CHECK's list of words; they come from the tables of the protocol, never from outside. */
const words = (list: readonly string[]) => sql.raw(list.map((word) => `'${word}'`).join(", "));

export const teams = pgTable("teams", {
  id: uuid("id").primaryKey(),
  name: text("name").notNull(),
  slug: text("slug").notNull().unique(),
  createdAt: time("created_at").notNull().defaultNow(),
});

export const apiKeys = pgTable(
  "api_keys",
  {
    id: uuid("id").primaryKey(),
    teamId: uuid("team_id")
      .notNull()
      .references(() => teams.id),
    name: text("name").notNull(),
    /** SHA-256 of the key, hex */
    keyHash: text("key_hash").notNull().unique(),
    /** first 10 characters, to recognise a key by */
    keyPrefix: text("key_prefix").notNull(),
    createdAt: time("created_at").notNull().defaultNow(),
    lastUsedAt: time("last_used_at"),
  },
  (table) => [index("api_keys_team").on(table.teamId)],
);

export const hosts = pgTable(
  "hosts",
  {
    id: uuid("id").primaryKey(),
    /** `unix:/path` or an http(s) URL */
    address: text("address").notNull().unique(),
    status: text("status", { enum: HOST_STATUSES }).notNull().default("pending"),
    arch: text("arch"),
    cpuCores: integer("cpu_cores"),
    memoryMb: integer("memory_mb"),
    diskFreeMb: integer("disk_free_mb"),
    vmm: text("vmm"),
    accelerator: text("accelerator"),
    agentVersion: text("agent_version"),
    lastSeenAt: time("last_seen_at"),
    createdAt: time("created_at").notNull().defaultNow(),
    updatedAt: time("updated_at").notNull().defaultNow(),
  },
  (table) => [check("hosts_status", sql`${table.status} in (${words(HOST_STATUSES)})`)],
);

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
    state: text("state", { enum: STATES }).notNull(),
    /** counts the lives of the capsule: 1, and one more with every resume */
    incarnation: integer("incarnation").notNull().default(1),
    template: text("template").notNull(),
    vcpus: integer("vcpus").notNull(),
    memoryMb: integer("memory_mb").notNull(),
    timeoutSec: integer("timeout_sec").notNull(),
    guestIp: text("guest_ip"),
    hostIp: text("host_ip"),
    metadata: jsonb("metadata").$type<Record<string, string>>(),
    /** milliseconds of each phase of the create, as pairs: JSONB would not keep the order of an object's keys */
    timings: jsonb("timings").$type<[phase: string, ms: number][]>(),
    createdAt: time("created_at").notNull().defaultNow(),
    startedAt: time("started_at"),
    lastActiveAt: time("last_active_at"),
    updatedAt: time("updated_at").notNull().defaultNow(),
    endedAt: time("ended_at"),
    endReason: text("end_reason", { enum: END_REASONS }),
    endMessage: text("end_message"),
  },
  (table) => [
    check("capsules_state", sql`${table.state} in (${words(STATES)})`),
    check("capsules_end_reason", sql`${table.endReason} in (${words(END_REASONS)})`),
    index("capsules_team_created").on(table.teamId, table.createdAt.desc().nullsFirst()),
    index("capsules_host_live").on(table.hostId).where(sql`${table.state} not in ('stopped', 'error')`),
  ],
);

export type CapsuleRow = typeof capsules.$inferSelect;
export type HostRow = typeof hosts.$inferSelect;
export type ApiKeyRow = typeof apiKeys.$inferSelect;
