/** Who may do what: users, teams, the roles of the ones in the others, and what they prove it with. */
import { ROLES } from "@wrenn/protocol/access";
import { sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  boolean,
  check,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { time, words } from "./columns.ts";

/** From the first to the last: not yet activated, in use, locked out by an administrator, deleted by its owner. */
export const USER_STATUSES = ["inactive", "active", "disabled", "deleted"] as const;

/** What links that are sent by mail are good for. */
export const TOKEN_PURPOSES = ["activation", "password_reset"] as const;
export type TokenPurpose = (typeof TOKEN_PURPOSES)[number];

export const users = pgTable(
  "users",
  {
    id: uuid("id").primaryKey(),
    /** trimmed and in lower case */
    email: text("email").notNull(),
    name: text("name").notNull(),
    /** argon2id in PHC form; absent when the user signs in through a provider only */
    passwordHash: text("password_hash"),
    status: text("status", { enum: USER_STATUSES }).notNull(),
    isAdmin: boolean("is_admin").notNull().default(false),
    createdAt: time("created_at").notNull().defaultNow(),
    updatedAt: time("updated_at").notNull().defaultNow(),
    deletedAt: time("deleted_at"),
  },
  (table) => [
    check("users_status", sql`${table.status} in (${words(USER_STATUSES)})`),
    // Whoever deleted an account may sign up anew.
    uniqueIndex("users_email").on(table.email).where(sql`${table.status} <> 'deleted'`),
    index("users_email_prefix").using("btree", table.email.op("text_pattern_ops")),
  ],
);

/** Accounts elsewhere that a user signs in with. */
export const userIdentities = pgTable(
  "user_identities",
  {
    provider: text("provider").notNull(),
    /** the provider's own id of the account, which outlives changes of its name */
    subject: text("subject").notNull(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    createdAt: time("created_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.provider, table.subject] }),
    uniqueIndex("user_identities_user").on(table.userId, table.provider),
  ],
);

export const teams = pgTable("teams", {
  id: uuid("id").primaryKey(),
  name: text("name").notNull(),
  slug: text("slug").notNull().unique(),
  /** it may bring hosts of its own, and then uses only those */
  isByoc: boolean("is_byoc").notNull().default(false),
  /** limits of what it may hold at a time; null is no limit but the platform's */
  maxCapsules: integer("max_capsules"),
  maxVcpus: integer("max_vcpus"),
  maxMemoryMb: integer("max_memory_mb"),
  maxDiskMb: integer("max_disk_mb"),
  maxSnapshots: integer("max_snapshots"),
  createdAt: time("created_at").notNull().defaultNow(),
  deletedAt: time("deleted_at"),
});

export const memberships = pgTable(
  "memberships",
  {
    teamId: uuid("team_id")
      .notNull()
      .references(() => teams.id, { onDelete: "cascade" }),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    role: text("role", { enum: ROLES }).notNull(),
    /** the team that a user is in after signing in */
    isDefault: boolean("is_default").notNull().default(false),
    joinedAt: time("joined_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.teamId, table.userId] }),
    check("memberships_role", sql`${table.role} in (${words(ROLES)})`),
    uniqueIndex("memberships_owner").on(table.teamId).where(sql`${table.role} = 'owner'`),
    uniqueIndex("memberships_default").on(table.userId).where(sql`${table.isDefault}`),
  ],
);

/** Sign-ins. Deleting the row ends the session at once, whatever tokens were made for it. */
export const sessions = pgTable(
  "sessions",
  {
    id: uuid("id").primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    createdAt: time("created_at").notNull().defaultNow(),
    expiresAt: time("expires_at").notNull(),
    /** where it was begun */
    sourceAddress: text("source_address"),
    userAgent: text("user_agent"),
  },
  (table) => [index("sessions_user").on(table.userId)],
);

/** Links that were sent by mail: each is good for one use, and of each user only the last one for a purpose. */
export const mailTokens = pgTable(
  "mail_tokens",
  {
    /** SHA-256 of the token, hex */
    tokenHash: text("token_hash").primaryKey(),
    purpose: text("purpose", { enum: TOKEN_PURPOSES }).notNull(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    createdAt: time("created_at").notNull().defaultNow(),
    expiresAt: time("expires_at").notNull(),
  },
  (table) => [
    check("mail_tokens_purpose", sql`${table.purpose} in (${words(TOKEN_PURPOSES)})`),
    uniqueIndex("mail_tokens_user_purpose").on(table.userId, table.purpose),
  ],
);

/** What the owner of an address has been asked and has not answered yet. */
export const invitations = pgTable(
  "invitations",
  {
    id: uuid("id").primaryKey(),
    teamId: uuid("team_id")
      .notNull()
      .references(() => teams.id, { onDelete: "cascade" }),
    /** trimmed and in lower case */
    email: text("email").notNull(),
    role: text("role", { enum: ROLES }).notNull(),
    invitedBy: uuid("invited_by").references((): AnyPgColumn => users.id, { onDelete: "set null" }),
    createdAt: time("created_at").notNull().defaultNow(),
    expiresAt: time("expires_at").notNull(),
  },
  (table) => [
    check("invitations_role", sql`${table.role} in ('admin', 'member')`),
    uniqueIndex("invitations_team_email").on(table.teamId, table.email),
    index("invitations_email").on(table.email),
  ],
);

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
    /** what it may be used for; null is everything that keys can do */
    scopes: text("scopes").array(),
    createdBy: uuid("created_by").references(() => users.id, { onDelete: "set null" }),
    createdAt: time("created_at").notNull().defaultNow(),
    lastUsedAt: time("last_used_at"),
    expiresAt: time("expires_at"),
  },
  (table) => [index("api_keys_team").on(table.teamId)],
);

/** SHA-256 of keys that nobody made and somebody revoked: a file that holds one still does not bring it back. */
export const revokedKeys = pgTable("revoked_keys", {
  keyHash: text("key_hash").primaryKey(),
  revokedAt: time("revoked_at").notNull().defaultNow(),
});

/** How often something was done lately: what all control planes together allow only so often. */
export const counts = pgTable(
  "counts",
  {
    /** SHA-256 of what is counted and of whom, hex */
    key: text("key").primaryKey(),
    count: integer("count").notNull(),
    /** when it begins anew */
    expiresAt: time("expires_at").notNull(),
  },
  (table) => [index("counts_expires_at").on(table.expiresAt)],
);

export type UserRow = typeof users.$inferSelect;
export type TeamRow = typeof teams.$inferSelect;
export type MembershipRow = typeof memberships.$inferSelect;
export type ApiKeyRow = typeof apiKeys.$inferSelect;
export type InvitationRow = typeof invitations.$inferSelect;
export type SessionRow = typeof sessions.$inferSelect;
