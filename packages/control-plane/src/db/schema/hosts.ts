/** Hosts: which there are, what they can hold, and what they prove themselves with. */
import { HOST_STATUSES, HOST_TYPES } from "@wrenn/protocol/rest/hosts";
import { sql } from "drizzle-orm";
import { boolean, check, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { time, words } from "./columns.ts";
import { teams, users } from "./identity.ts";

export const HOST_TOKEN_PURPOSES = ["registration", "refresh"] as const;

export const hosts = pgTable(
  "hosts",
  {
    id: uuid("id").primaryKey(),
    type: text("type", { enum: HOST_TYPES }).notNull().default("regular"),
    /** whose host it is; absent for those of the platform */
    teamId: uuid("team_id").references(() => teams.id),
    provider: text("provider"),
    availabilityZone: text("availability_zone"),
    /** absent for the one that an instance enrolled by itself */
    createdBy: uuid("created_by").references(() => users.id, { onDelete: "set null" }),
    /** https URL; absent until it has registered */
    address: text("address"),
    /** of the host that an instance has on its own box: which instance */
    localInstance: text("local_instance"),
    tags: text("tags").array().notNull().default([]),
    /** SHA-256 of the certificate that it holds, hex: another one of the same name is refused */
    certFingerprint: text("cert_fingerprint"),
    /** the one before, until the host has shown that it holds the new one */
    previousFingerprint: text("previous_fingerprint"),
    status: text("status", { enum: HOST_STATUSES }).notNull().default("pending"),
    /** of one that is unreachable: it is drained as soon as it is back */
    drainsWhenBack: boolean("drains_when_back").notNull().default(false),
    arch: text("arch"),
    cpuCores: integer("cpu_cores"),
    memoryMb: integer("memory_mb"),
    diskMb: integer("disk_mb"),
    diskFreeMb: integer("disk_free_mb"),
    vmm: text("vmm"),
    accelerator: text("accelerator"),
    agentVersion: text("agent_version"),
    /** names of the base templates that it can start */
    templates: jsonb("templates").$type<string[]>().notNull().default([]),
    lastSeenAt: time("last_seen_at"),
    createdAt: time("created_at").notNull().defaultNow(),
    updatedAt: time("updated_at").notNull().defaultNow(),
    /** its row stays for the capsules that ended on it */
    deletedAt: time("deleted_at"),
  },
  (table) => [
    check("hosts_status", sql`${table.status} in (${words(HOST_STATUSES)})`),
    check("hosts_type", sql`(${table.type} = 'byoc') = (${table.teamId} is not null)`),
    uniqueIndex("hosts_local_instance").on(table.localInstance).where(sql`${table.deletedAt} is null`),
    // Nobody can take an address away from others by saying that it is theirs.
    uniqueIndex("hosts_platform_address").on(table.address).where(sql`${table.teamId} is null`),
    uniqueIndex("hosts_team_address").on(table.teamId, table.address),
  ],
);

/** What a host proves itself with where it has no certificate that is valid. */
export const hostTokens = pgTable(
  "host_tokens",
  {
    /** SHA-256 of the token, hex */
    tokenHash: text("token_hash").primaryKey(),
    purpose: text("purpose", { enum: HOST_TOKEN_PURPOSES }).notNull(),
    hostId: uuid("host_id")
      .notNull()
      .references(() => hosts.id, { onDelete: "cascade" }),
    createdAt: time("created_at").notNull().defaultNow(),
    expiresAt: time("expires_at").notNull(),
  },
  (table) => [
    check("host_tokens_purpose", sql`${table.purpose} in (${words(HOST_TOKEN_PURPOSES)})`),
    index("host_tokens_host").on(table.hostId),
  ],
);

export type HostRow = typeof hosts.$inferSelect;
