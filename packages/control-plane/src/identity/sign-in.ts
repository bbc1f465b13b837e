/** Signing in with a password, and going over to another team. */
import { type ErrorCode, WrennError } from "@wrenn/protocol/errors";
import { and, eq, isNull } from "drizzle-orm";
import { teams, type UserRow, users } from "../db/schema.ts";
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

/** The log knows more than whoever tries is told. */
export class LoginRefused extends WrennError {
  /** whose account it is, where there is one */
  readonly user: Pick<UserRow, "id" | "name"> | undefined;
  readonly reason: string;

  constructor(code: ErrorCode, message: string, reason: string, user?: Pick<UserRow, "id" | "name">) {
    super(code, message);
    this.reason = reason;
    this.user = user;
  }
}

function wrongCredentials(user: UserRow | undefined): LoginRefused {
  const reason = user === undefined ? "unknown_address" : "wrong_password";
  return new LoginRefused("unauthorized", "wrong e-mail address or password", reason, user);
}

/** @param by network that asks. @throws LoginRefused: unauthorized, account_not_activated or account_disabled; rate_limited */
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
  if (user === undefined || !matches) throw wrongCredentials(user);
  requireActive(user);
  const sessionId = await db.queries.transaction(async (transaction) => {
    // The lock lets no change of the password pass by: it ends sessions, and has to see this one.
    const [unchanged] = await transaction
      .select({ id: users.id })
      .from(users)
      .where(and(eq(users.id, user.id), eq(users.status, "active"), eq(users.passwordHash, user.passwordHash ?? "")))
      .for("share");
    if (unchanged === undefined) throw wrongCredentials(user);
    await resetCount(transaction, LOGINS, email);
    return insertSession(transaction, user.id, origin);
  });
  const teamId = await findHomeTeam(db.queries, user.id);
  return tokenFor(db, sessionSecret, { sessionId, userId: user.id, teamId });
}

function requireActive(user: UserRow): void {
  const { status } = user;
  if (status === "active") return;
  if (status === "inactive") {
    throw new LoginRefused("account_not_activated", "this account is not activated yet", "account_not_activated", user);
  }
  throw new LoginRefused("account_disabled", "this account has been disabled", "account_disabled", user);
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
