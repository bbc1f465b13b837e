/** What all control planes of the installation have to have in common. */
import { sql } from "drizzle-orm";
import { boolean, check, pgTable, text } from "drizzle-orm/pg-core";

export const installation = pgTable(
  "installation",
  {
    /** there is one row */
    id: boolean("id").primaryKey().default(true),
    /** of the secret that signs sessions */
    session: text("session").notNull(),
    /** of the key that encrypts now */
    encryption: text("encryption").notNull(),
    /** of the certificate authority; null until there is one */
    authority: text("authority"),
  },
  (table) => [check("installation_one", sql`${table.id}`)],
);
