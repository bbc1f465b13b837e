/** New passwords. Each ends what was signed in with the old one. */
import { WrennError } from "@wrenn/protocol/errors";
import { and, eq, isNull, type SQL } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { users } from "../db/schema.ts";
import { MAILS } from "../mail/mails.ts";
import type { AccountDeps } from "./deps.ts";
import { voidMailTokens } from "./mail-tokens.ts";
import { checkPassword, hashPassword } from "./passwords.ts";
import type { UserPrincipal } from "./principal.ts";
import { endSessions } from "./sessions.ts";
import { getUser } from "./users.ts";

export interface PasswordChange {
  /** undefined from a user who has none yet */
  readonly currentPassword: string | undefined;
  readonly newPassword: string;
}

/** Ends all sessions but the one that asks. @param by network that asks. @throws wrong_password, rate_limited */
export async function changePassword(
  { db, mailer }: AccountDeps,
  { userId, sessionId }: UserPrincipal,
  { currentPassword, newPassword }: PasswordChange,
  by: string,
): Promise<void> {
  await mailer.ready();
  const { email, name, passwordHash: old } = await getUser(db.queries, userId);
  if (old !== null && !(await checkPassword(old, currentPassword ?? "", by))) throw wrongPassword();
  const passwordHash = await hashPassword(newPassword, by);
  await db.queries.transaction(async (transaction) => {
    const asItWas = old === null ? isNull(users.passwordHash) : eq(users.passwordHash, old);
    if ((await storePassword(transaction, userId, passwordHash, asItWas)) === undefined) throw wrongPassword();
    await endSessions(transaction, userId, sessionId);
    await mailer.send(transaction, email, MAILS.passwordChanged({ name, added: old === null }));
  });
}

function wrongPassword(): WrennError {
  return new WrennError("wrong_password", "the current password is wrong");
}

/** Undefined when the user is not active or `condition` does not hold. Links to reset the old password are void then. */
export async function storePassword(queries: Queries, userId: string, passwordHash: string, condition?: SQL) {
  const [user] = await queries
    .update(users)
    .set({ passwordHash, updatedAt: new Date() })
    .where(and(eq(users.id, userId), eq(users.status, "active"), condition))
    .returning({ email: users.email, name: users.name });
  await voidMailTokens(queries, "password_reset", userId);
  return user;
}
