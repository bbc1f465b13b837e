/** Administrators of the platform. One that is active is always left. */
import { WrennError } from "@wrenn/protocol/errors";
import { and, eq, ne } from "drizzle-orm";
import type { Database, Queries } from "../db/database.ts";
import { type UserRow, users } from "../db/schema.ts";
import { lockAdmins } from "./first-admin.ts";

/**
 * The user, whom the transaction may now take out of the administrators: of several at the same time the last one is refused.
 * Whoever deletes or disables an account asks here first. @throws not_found, invalid_request for the last administrator
 */
export async function holdAnotherAdmin(tx: Queries, userId: string): Promise<UserRow> {
  await lockAdmins(tx);
  const user = await findUser(tx, userId);
  if (!user.isAdmin || user.status !== "active") return user;
  const [other] = await tx
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.isAdmin, true), eq(users.status, "active"), ne(users.id, userId)))
    .limit(1);
  if (other === undefined) throw new WrennError("invalid_request", "this is the last administrator of the platform");
  return user;
}

/** May be repeated. @throws not_found, invalid_request for the last one, conflict for who has not shown that the address is theirs */
export async function setAdmin(db: Database, userId: string, isAdmin: boolean): Promise<void> {
  await db.queries.transaction(async (tx) => {
    const user = isAdmin ? await findUser(tx, userId) : undefined;
    if (user?.status === "inactive") {
      throw new WrennError("conflict", "this account is not activated yet: it can be an administrator's then");
    }
    if (!isAdmin) await holdAnotherAdmin(tx, userId);
    await tx.update(users).set({ isAdmin, updatedAt: new Date() }).where(eq(users.id, userId));
  });
}

/** One whose account has not been deleted, held until the transaction ends. @throws not_found */
export async function findUser(tx: Queries, userId: string): Promise<UserRow> {
  const [user] = await tx
    .select()
    .from(users)
    .where(and(eq(users.id, userId), ne(users.status, "deleted")))
    .for("update");
  if (user === undefined) throw new WrennError("not_found", "the user does not exist");
  return user;
}
