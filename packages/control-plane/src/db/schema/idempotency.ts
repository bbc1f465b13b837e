/** What clients asked under keys of their own, and were answered. */
import { sql } from "drizzle-orm";
import { index, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { time } from "./columns.ts";

export const idempotencyKeys = pgTable(
  "idempotency_keys",
  {
    /** also of what the request makes, where it goes on after a crash */
    id: uuid("id").primaryKey(),
    /** SHA-256 of who asks, the route and the key, hex */
    keyHash: text("key_hash").notNull().unique(),
    /** SHA-256 of what is asked, hex */
    requestHash: text("request_hash").notNull(),
    /** status and body, encrypted, since some answers have secrets; null until there is one */
    answer: text("answer"),
    createdAt: time("created_at").notNull().default(sql`clock_timestamp()`),
  },
  (table) => [index("idempotency_keys_created").on(table.createdAt)],
);
