/** New passwords. Each ends what was signed in with the old one. */
import { WrennError } from "@wrenn/protocol/errors";
import { and, eq, isNull, type SQL } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { users } from "../db/schema.ts";
import { MAILS } from "../mail/mails.ts";
import { countUp, type Limit, resetCount } from "./counts.ts";
import type { AccountDeps } from "./deps.ts";
import { makeMailToken, readMailToken, spendMailToken, TOKEN_MINUTES, voidMailTokens } from "./mail-tokens.ts";
import { checkPassword, hashPassword } from "./passwords.ts";
import type { UserPrincipal } from "./principal.ts";
import { endSessions } from "./sessions.ts";
import { LOGINS } from "./sign-in.ts";
import { findUserByEmail, getUser } from "./users.ts";

/** Mails with links to one user: more are not sent, and the last link stays good. */
const RESET_MAILS: Limit = { what: "reset mails", max: 5, seconds: 3600 };

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
async function storePassword(queries: Queries, userId: string, passwordHash: string, condition?: SQL) {
  const [user] = await queries
    .update(users)
    .set({ passwordHash, updatedAt: new Date() })
    .where(and(eq(users.id, userId), eq(users.status, "active"), condition))
    .returning({ email: users.email, name: users.name });
  await voidMailTokens(queries, "password_reset", userId);
  return user;
}

/** Sends a link to an active user. Returns at once: how long it takes would tell whether there is one. */
export function requestPasswordReset({ db, mailer, links, background }: AccountDeps, email: string): void {
  background.run("password_reset_failed", async () => {
    const user = await findUserByEmail(db.queries, email);
    if (user?.status !== "active" || (await countUp(db.queries, RESET_MAILS, user.id)) > 0) return;
    await db.queries.transaction(async (transaction) => {
      const token = await makeMailToken(transaction, "password_reset", user.id);
      const link = links.to("/reset-password", { token });
      const mail = MAILS.passwordReset({ name: user.name, link, minutes: TOKEN_MINUTES.password_reset });
      await mailer.send(transaction, email, mail);
    });
  });
}

/**
 * Ends all sessions of the user, whose UUID it returns.
 * @param by network that asks. @throws invalid_token, rate_limited
 */
export async function resetPassword(
  { db, mailer }: AccountDeps,
  token: string,
  newPassword: string,
  by: string,
): Promise<string> {
  await mailer.ready();
  // Whoever has no link costs no hash.
  await readMailToken(db.queries, "password_reset", token);
  const passwordHash = await hashPassword(newPassword, by);
  return db.queries.transaction(async (transaction) => {
    const id = await spendMailToken(transaction, "password_reset", token);
    const user = await storePassword(transaction, id, passwordHash);
    if (user === undefined) throw new WrennError("invalid_token", "the account of this link is not active");
    await endSessions(transaction, id);
    // The owner of the mailbox is let in, however often others have tried.
    await resetCount(transaction, LOGINS, user.email);
    await mailer.send(transaction, user.email, MAILS.passwordResetDone({ name: user.name }));
    return id;
  });
}
