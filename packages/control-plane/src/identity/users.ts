/** Users as others find them. */
import { WrennError } from "@wrenn/protocol/errors";
import { and, asc, eq, like, ne } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { type UserRow, users } from "../db/schema.ts";

const MAX_FOUND = 10;

/** @param email trimmed and in lower case. Never a deleted one. */
export async function findUserByEmail(queries: Queries, email: string): Promise<UserRow | undefined> {
  const [row] = await queries
    .select()
    .from(users)
    .where(and(eq(users.email, email), ne(users.status, "deleted")));
  return row;
}

/**
 * Whether the user is active; if so, nobody locks them out and they do not close their account before the transaction ends.
 * Whoever gives them something calls it first: users are locked before teams, and those before memberships.
 */
export async function holdUser(tx: Queries, id: string): Promise<boolean> {
  const held = await tx
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.id, id), eq(users.status, "active")))
    .for("share");
  return held.length > 0;
}

/** The same for the user who asks. @throws account_deactivated */
export async function holdSelf(tx: Queries, id: string): Promise<void> {
  if (!(await holdUser(tx, id))) throw new WrennError("account_deactivated", "this account is not active");
}

/** An active user. @throws not_found */
export async function getUser(queries: Queries, id: string): Promise<UserRow> {
  const [row] = await queries
    .select()
    .from(users)
    .where(and(eq(users.id, id), eq(users.status, "active")));
  if (row === undefined) throw new WrennError("not_found", "no such user");
  return row;
}

/** Active users whose address begins so, at most ten. */
export function searchUsers(queries: Queries, prefix: string): Promise<Pick<UserRow, "id" | "email">[]> {
  const pattern = `${prefix.replace(/[\\%_]/g, "\\$&")}%`;
  return queries
    .select({ id: users.id, email: users.email })
    .from(users)
    .where(and(like(users.email, pattern), eq(users.status, "active")))
    .orderBy(asc(users.email))
    .limit(MAX_FOUND);
}
