/** Where a team wants to be told of what happens, and what it was told. */
import { DELIVERY_STATUSES, PROVIDERS } from "@wrenn/protocol/rest/channels";
import { sql } from "drizzle-orm";
import { check, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { time, words } from "./columns.ts";
import { teams } from "./identity.ts";

export const channels = pgTable(
  "channels",
  {
    id: uuid("id").primaryKey(),
    teamId: uuid("team_id")
      .notNull()
      .references(() => teams.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    provider: text("provider", { enum: PROVIDERS }).notNull(),
    /** JSON of the provider's configuration, encrypted; see encryption.ts for the form */
    config: text("config").notNull(),
    events: text("events").array().notNull(),
    createdAt: time("created_at").notNull().defaultNow(),
    updatedAt: time("updated_at").notNull().defaultNow(),
  },
  (table) => [
    check("channels_provider", sql`${table.provider} in (${words(PROVIDERS)})`),
    uniqueIndex("channels_team_name").on(table.teamId, table.name),
  ],
);

export const deliveries = pgTable(
  "deliveries",
  {
    /** also the X-Wrenn-Delivery header: the receiver knows a repeated one by it */
    id: uuid("id").primaryKey(),
    channelId: uuid("channel_id")
      .notNull()
      .references(() => channels.id, { onDelete: "cascade" }),
    event: text("event").notNull(),
    /** what is sent, the same at each attempt */
    payload: jsonb("payload").$type<Record<string, unknown>>().notNull(),
    status: text("status", { enum: DELIVERY_STATUSES }).notNull().default("pending"),
    attempts: integer("attempts").notNull().default(0),
    /** what the last attempt ended with */
    lastError: text("last_error"),
    createdAt: time("created_at").notNull().defaultNow(),
    nextAttemptAt: time("next_attempt_at"),
    deliveredAt: time("delivered_at"),
  },
  (table) => [
    check("deliveries_status", sql`${table.status} in (${words(DELIVERY_STATUSES)})`),
    index("deliveries_channel").on(table.channelId, table.createdAt.desc()),
    index("deliveries_due").on(table.nextAttemptAt).where(sql`${table.status} = 'pending'`),
  ],
);

export type ChannelRow = typeof channels.$inferSelect;
export type DeliveryRow = typeof deliveries.$inferSelect;
