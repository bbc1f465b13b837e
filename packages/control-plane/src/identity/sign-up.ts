/** From nobody to an active user: signing up, and the link that proves that the address is theirs. */
import { randomUUID } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import { and, eq, isNull } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { type UserRow, users } from "../db/schema.ts";
import { MAILS } from "../mail/mails.ts";
import type { AccountDeps } from "./deps.ts";
import { isFirstUser } from "./first-admin.ts";
import { makeHomeTeam } from "./home-team.ts";
import { makeMailToken, readMailToken, spendMailToken, TOKEN_MINUTES } from "./mail-tokens.ts";
import { checkPassword, hashPassword } from "./passwords.ts";
import { insertSession, type Origin, type SignedIn, tokenFor } from "./sessions.ts";
import { findUserByEmail } from "./users.ts";

export interface NewUser {
  /** trimmed and in lower case */
  readonly email: string;
  readonly password: string;
  readonly name: string;
}

/** Each further one follows on somebody else's sign-up with the address in the same moment. */
const ATTEMPTS = 5;

/**
 * Sends the link that activates the account. Whose the address is nobody knows before the link is followed, so that of several
 * sign-ups with different passwords none sets one: whoever follows the link chooses it then.
 * @param by network that asks
 * @returns the user's UUID
 * @throws email_taken, signup_cooldown, rate_limited, database_unavailable while no mail can be sent
 */
export async function signUp(deps: AccountDeps, newUser: NewUser, by: string): Promise<string> {
  const { db, mailer, links } = deps;
  const { email, name, password } = newUser;
  await mailer.ready();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const seen = await findUserByEmail(db.queries, email);
    if (seen !== undefined && seen.status !== "inactive") {
      throw new WrennError("email_taken", "there is an account with this address");
    }
    const passwordHash = await agreedHash(seen, password, by);
    const made = await db.queries.transaction(async (transaction) => {
      const found = await (seen === undefined
        ? insertUser(transaction, { email, name, passwordHash })
        : signUpAgain(transaction, seen, { name, passwordHash }));
      if (found?.token === undefined) return found;
      const [link, minutes] = [links.to("/activate", { token: found.token }), TOKEN_MINUTES.activation];
      const mail = MAILS.activation({ name, link, minutes, hasPassword: passwordHash !== null });
      await mailer.send(transaction, email, mail);
      return found;
    });
    if (made === undefined) continue;
    if (made.token === undefined) throw cooldown();
    return made.id;
  }
  throw cooldown();
}

function cooldown(): WrennError {
  return new WrennError(
    "signup_cooldown",
    "a link was sent to this address not long ago: follow it, and choose a password then if you gave another one before",
  );
}

/** Null when somebody signed up with the address and another password, and nobody has followed the link. */
async function agreedHash(seen: UserRow | undefined, password: string, by: string): Promise<string | null> {
  if (seen === undefined) return hashPassword(password, by);
  return (await checkPassword(seen.passwordHash, password, by)) ? seen.passwordHash : null;
}

interface Made {
  readonly id: string;
  /** of the link; undefined when there is a good one already */
  readonly token: string | undefined;
}

/** Undefined when somebody else has the address meanwhile. */
async function insertUser(
  transaction: Queries,
  fields: Pick<UserRow, "email" | "name" | "passwordHash">,
): Promise<Made | undefined> {
  const [made] = await transaction
    .insert(users)
    .values({ id: randomUUID(), ...fields, status: "inactive" })
    .onConflictDoNothing()
    .returning({ id: users.id });
  return made && { id: made.id, token: await makeMailToken(transaction, "activation", made.id) };
}

/** Undefined when the user is not what was seen any more. */
async function signUpAgain(
  transaction: Queries,
  { id, passwordHash: before }: UserRow,
  { name, passwordHash }: Pick<UserRow, "name" | "passwordHash">,
): Promise<Made | undefined> {
  const samePassword = before === null ? isNull(users.passwordHash) : eq(users.passwordHash, before);
  const [held] = await transaction
    .select({ updatedAt: users.updatedAt })
    .from(users)
    .where(and(eq(users.id, id), eq(users.status, "inactive"), samePassword))
    .for("update");
  if (held === undefined) return undefined;
  const now = new Date();
  const isRecent = now.getTime() - held.updatedAt.getTime() < TOKEN_MINUTES.activation * 60_000;
  const changes = isRecent ? { passwordHash } : { passwordHash, name, updatedAt: now };
  await transaction.update(users).set(changes).where(eq(users.id, id));
  return { id, token: isRecent ? undefined : await makeMailToken(transaction, "activation", id) };
}

/** Makes the user active, with a team of their own, and signs them in. @throws invalid_token, already_activated */
export async function activate(
  { db, sessionSecret }: AccountDeps,
  mailToken: string,
  origin: Origin,
): Promise<SignedIn> {
  const content = await db.queries.transaction(async (transaction) => {
    // Administrators are held before users.
    const isAdmin = await isFirstUser(transaction, await readMailToken(transaction, "activation", mailToken));
    const userId = await spendMailToken(transaction, "activation", mailToken);
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
