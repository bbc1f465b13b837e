/** From nobody to an active user: signing up, and the link that proves that the address is theirs. */
import { randomUUID } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import { and, eq, lt } from "drizzle-orm";
import { users } from "../db/schema.ts";
import { MAILS } from "../mail/mails.ts";
import type { AccountDeps } from "./deps.ts";
import { isFirstUser } from "./first-admin.ts";
import { makeHomeTeam } from "./home-team.ts";
import { makeMailToken, spendMailToken, TOKEN_MINUTES } from "./mail-tokens.ts";
import { hashPassword } from "./passwords.ts";
import { insertSession, type Origin, type SignedIn, tokenFor } from "./sessions.ts";
import { findUserByEmail } from "./users.ts";

export interface NewUser {
  /** trimmed and in lower case */
  readonly email: string;
  readonly password: string;
  readonly name: string;
}

/** Sends the link that activates the account. Returns the user's UUID. @throws email_taken, signup_cooldown */
export async function signUp({ db, mailer, links }: AccountDeps, { email, password, name }: NewUser): Promise<string> {
  const passwordHash = await hashPassword(password);
  const minutes = TOKEN_MINUTES.activation;
  return db.queries.transaction(async (transaction) => {
    const now = new Date();
    const [made] = await transaction
      .insert(users)
      .values({ id: randomUUID(), email, name, passwordHash, status: "inactive", updatedAt: now })
      .onConflictDoNothing()
      .returning({ id: users.id });
    // Whoever did not follow the link in time begins anew.
    const tooOld = new Date(now.getTime() - minutes * 60_000);
    const [again] = made
      ? []
      : await transaction
          .update(users)
          .set({ name, passwordHash, updatedAt: now })
          .where(and(eq(users.email, email), eq(users.status, "inactive"), lt(users.updatedAt, tooOld)))
          .returning({ id: users.id });
    const user = made ?? again;
    if (user === undefined) throw taken((await findUserByEmail(transaction, email))?.status === "inactive");
    const token = await makeMailToken(transaction, "activation", user.id);
    const link = links.to("/activate", { token });
    await mailer.send(transaction, email, MAILS.activation({ name, link, minutes }));
    return user.id;
  });
}

function taken(waitsForActivation: boolean): WrennError {
  return waitsForActivation
    ? new WrennError("signup_cooldown", "a link was sent to this address not long ago")
    : new WrennError("email_taken", "there is an account with this address");
}

/** Makes the user active, with a team of their own, and signs them in. @throws invalid_token, already_activated */
export async function activate(
  { db, sessionSecret }: AccountDeps,
  mailToken: string,
  origin: Origin,
): Promise<SignedIn> {
  const content = await db.queries.transaction(async (transaction) => {
    const userId = await spendMailToken(transaction, "activation", mailToken);
    const isAdmin = await isFirstUser(transaction, userId);
    const [user] = await transaction
      .update(users)
      .set({ status: "active", isAdmin, updatedAt: new Date() })
      .where(and(eq(users.id, userId), eq(users.status, "inactive")))
      .returning({ name: users.name });
    if (user === undefined) throw new WrennError("already_activated", "the account is active already");
    const teamId = await makeHomeTeam(transaction, userId, user.name);
    return { userId, teamId, sessionId: await insertSession(transaction, userId, origin) };
  });
  return tokenFor(db, sessionSecret, content);
}
