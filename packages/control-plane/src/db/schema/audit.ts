/** Who did what. Rows are only ever added: a trigger refuses everything else, but that a deleted user's name is taken out. */
import { sql } from "drizzle-orm";
import { check, index, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { time, words } from "./columns.ts";

export const ACTOR_TYPES = ["user", "api_key", "host", "system"] as const;
/** `admin` entries are for those who run a team, or the platform. */
export const AUDIT_SCOPES = ["team", "admin"] as const;
export const AUDIT_STATUSES = ["success", "info", "warning", "error"] as const;

export const auditLogs = pgTable(
  "audit_logs",
  {
    id: uuid("id").primaryKey(),
    /** No reference: what a team did outlives it. The platform's own is what administrators do. */
    teamId: uuid("team_id").notNull(),
    scope: text("scope", { enum: AUDIT_SCOPES }).notNull(),
    actorType: text("actor_type", { enum: ACTOR_TYPES }).notNull(),
    /** wire id */
    actorId: text("actor_id"),
    actorName: text("actor_name"),
    resourceType: text("resource_type").notNull(),
    resourceId: text("resource_id"),
    action: text("action").notNull(),
    status: text("status", { enum: AUDIT_STATUSES }).notNull(),
    metadata: jsonb("metadata").$type<Record<string, unknown>>(),
    requestId: text("request_id"),
    sourceAddress: text("source_address"),
    createdAt: time("created_at").notNull().default(sql`clock_timestamp()`),
  },
  (table) => [
    check("audit_logs_actor_type", sql`${table.actorType} in (${words(ACTOR_TYPES)})`),
    check("audit_logs_scope", sql`${table.scope} in (${words(AUDIT_SCOPES)})`),
    check("audit_logs_status", sql`${table.status} in (${words(AUDIT_STATUSES)})`),
    index("audit_logs_team").on(table.teamId, table.createdAt.desc(), table.id.desc()),
    index("audit_logs_actor").on(table.actorId),
  ],
);

export type AuditRow = typeof auditLogs.$inferSelect;
