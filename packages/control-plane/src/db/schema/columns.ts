/** What columns of several tables have in common. */
import { sql } from "drizzle-orm";
import { timestamp } from "drizzle-orm/pg-core";

export const time = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });

/** A CHECK's list of words; they come from the tables of the protocol, never from outside. */
export const words = (list: readonly string[]) => sql.raw(list.map((word) => `'${word}'`).join(", "));
