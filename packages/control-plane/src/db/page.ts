/** Pages of lists that are ordered by a time and, within one moment, by an id: what is added meanwhile moves nothing. */
import { asc, desc, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";

/** Where an item is in a list. */
export interface Place {
  /** UUID */
  readonly id: string;
  readonly createdAt: Date;
}

export interface Page {
  readonly limit: number;
  /** only what comes after this one */
  readonly after?: Place | undefined;
}

interface Order {
  readonly where: SQL | undefined;
  readonly by: [SQL, SQL];
}

export function newestFirst(time: PgColumn, id: PgColumn, { after }: Page): Order {
  return { where: after && sql`(${time}, ${id}) < ${tuple(after)}`, by: [desc(time), desc(id)] };
}

export function oldestFirst(time: PgColumn, id: PgColumn, { after }: Page): Order {
  return { where: after && sql`(${time}, ${id}) > ${tuple(after)}`, by: [asc(time), asc(id)] };
}

function tuple({ createdAt, id }: Place): SQL {
  return sql`(${createdAt.toISOString()}::timestamptz, ${id}::uuid)`;
}
