/** Requests that were answered already: one that is sent again with the same key gets the same answer. */
import { integer, jsonb, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { time } from "./columns.ts";
import { teams } from "./identity.ts";

export const idempotencyKeys = pgTable(
  "idempotency_keys",
  {
    teamId: uuid("team_id")
      .notNull()
      .references(() => teams.id, { onDelete: "cascade" }),
    key: text("key").notNull(),
    /** SHA-256 of method, path and body, hex: the same key for something else is a mistake */
    requestHash: text("request_hash").notNull(),
    /** absent while the first request is being worked on */
    status: integer("status"),
    body: jsonb("body"),
    createdAt: time("created_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.teamId, table.key] })],
);
