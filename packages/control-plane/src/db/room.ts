/** How many rows of a kind one owner may have: what nobody pays for would grow without end. */
import { WrennError } from "@wrenn/protocol/errors";
import { count, type SQL, sql } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import type { Queries } from "./database.ts";
import { ADVISORY_LOCKS } from "./locks.ts";

export interface Room {
  /** UUID of the team or user */
  readonly owner: string;
  readonly table: PgTable;
  /** the rows that count */
  readonly where: SQL | undefined;
  readonly max: number;
  /** e.g. `a team has at most 100 channels: delete one first` */
  readonly message: string;
}

/** Until the transaction ends nobody else adds to what the owner has. @throws quota_exceeded */
export async function holdRoom(tx: Queries, { owner, table, where, max, message }: Room): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(${ADVISORY_LOCKS.room}::int, hashtext(${owner}))`);
  const [found] = await tx.select({ rows: count() }).from(table).where(where);
  if ((found?.rows ?? 0) >= max) throw new WrennError("quota_exceeded", message);
}
