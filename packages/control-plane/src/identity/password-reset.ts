/** A new password for who cannot sign in: asking for a link, sending it, and following it. */
import { randomUUID } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import { MAILS } from "../mail/mails.ts";
import { countUp, type Limit, resetCount } from "./counts.ts";
import type { AccountDeps } from "./deps.ts";
import { makeMailToken, readMailToken, spendMailToken, TOKEN_MINUTES } from "./mail-tokens.ts";
import { storePassword } from "./password-change.ts";
import { hashPassword } from "./passwords.ts";
import { endSessions } from "./sessions.ts";
import { LOGINS } from "./sign-in.ts";
import { findUserByEmail } from "./users.ts";

/** Mails with links to one user: more are not sent, and the last link stays good. */
const RESET_MAILS: Limit = { what: "reset mails", max: 5, seconds: 3600 };
/** One that was carried out is not carried out again; nobody tries for longer. */
const RESET_REQUESTS: Limit = { what: "reset requests", max: 1, seconds: 24 * 3600 };

export interface ResetRequest {
  /** of no other one */
  readonly id: string;
  /** trimmed and in lower case; perhaps nobody's */
  readonly email: string;
  /** where the link leads, without its token */
  readonly page: string;
}

/** The request is kept, whoever it is about: what there is to do then takes a time that would tell. @throws database_unavailable */
export async function requestPasswordReset({ links, postReset }: AccountDeps, email: string): Promise<void> {
  await postReset({ id: randomUUID(), email, page: links.to("/reset-password") });
}

/** Sends a link to an active user. May be repeated. */
export async function sendResetLink(
  { db, mailer }: Pick<AccountDeps, "db" | "mailer">,
  { id, email, page }: ResetRequest,
): Promise<void> {
  await mailer.ready();
  await db.queries.transaction(async (transaction) => {
    const user = await findUserByEmail(transaction, email);
    if (user?.status !== "active") return;
    if ((await countUp(transaction, RESET_REQUESTS, id)) > 0) return;
    if ((await countUp(transaction, RESET_MAILS, user.id)) > 0) return;
    const token = await makeMailToken(transaction, "password_reset", user.id);
    const link = `${page}?${new URLSearchParams({ token })}`;
    const mail = MAILS.passwordReset({ name: user.name, link, minutes: TOKEN_MINUTES.password_reset });
    await mailer.send(transaction, email, mail);
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
