/** Signing in with a password, and going over to another team. */
import { WrennError } from "@wrenn/protocol/errors";
import { and, eq, isNull } from "drizzle-orm";
import { teams, type UserStatus, users } from "../db/schema.ts";
import { type Limit, limitTo, resetCount } from "./counts.ts";
import type { AccountDeps } from "./deps.ts";
import { findHomeTeam } from "./home-team.ts";
import { checkPassword } from "./passwords.ts";
import type { UserPrincipal } from "./principal.ts";
import { insertSession, type Origin, type SignedIn, tokenFor } from "./sessions.ts";
import { findUserByEmail } from "./users.ts";

/** Attempts at one account from wherever, since the last one that succeeded. */
export const LOGINS: Limit = { what: "logins", max: 100, seconds: 3600 };

export interface Credentials {
  /** trimmed and in lower case */
  readonly email: string;
  readonly password: string;
}

function wrongCredentials(): WrennError {
  return new WrennError("unauthorized", "wrong e-mail address or password");
}

/** @param by network that asks. @throws unauthorized, account_not_activated, account_disabled, rate_limited */
export async function logIn(
  { db, sessionSecret }: AccountDeps,
  { email, password }: Credentials,
  origin: Origin,
  by: string,
): Promise<SignedIn> {
  await limitTo(
    db.queries,
    LOGINS,
    email,
    "too many attempts to sign in with this address: reset the password, or wait",
  );
  const user = await findUserByEmail(db.queries, email);
  const matches = await checkPassword(user?.passwordHash, password, by);
  if (user === undefined || !matches) throw wrongCredentials();
  requireActive(user.status);
  const sessionId = await db.queries.transaction(async (transaction) => {
    // The lock lets no change of the password pass by: it ends sessions, and has to see this one.
    const [unchanged] = await transaction
      .select({ id: users.id })
      .from(users)
      .where(and(eq(users.id, user.id), eq(users.status, "active"), eq(users.passwordHash, user.passwordHash ?? "")))
      .for("share");
    if (unchanged === undefined) throw wrongCredentials();
    await resetCount(transaction, LOGINS, email);
    return insertSession(transaction, user.id, origin);
  });
  const teamId = await findHomeTeam(db.queries, user.id);
  return tokenFor(db, sessionSecret, { sessionId, userId: user.id, teamId });
}

function requireActive(status: UserStatus): void {
  if (status === "inactive") throw new WrennError("account_not_activated", "this account is not activated yet");
  if (status !== "active") throw new WrennError("account_disabled", "this account has been disabled");
}

/** A token of the same session for another team. @param teamId UUID. @throws not_found, forbidden */
export async function switchTeam(
  { db, sessionSecret }: AccountDeps,
  { sessionId, userId }: UserPrincipal,
  teamId: string,
): Promise<SignedIn> {
  const signedIn = await tokenFor(db, sessionSecret, { sessionId, userId, teamId });
  if (signedIn.principal.membership !== undefined) return signedIn;
  const [team] = await db.queries
    .select({ id: teams.id })
    .from(teams)
    .where(and(eq(teams.id, teamId), isNull(teams.deletedAt)));
  throw team === undefined
    ? new WrennError("not_found", "no such team")
    : new WrennError("forbidden", "you are not in this team");
}
