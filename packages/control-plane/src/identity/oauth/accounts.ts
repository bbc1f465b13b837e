/** Accounts of users elsewhere: signing in with one, making an account for one, connecting and disconnecting. */
import { randomUUID } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import { and, eq, gt } from "drizzle-orm";
import type { Queries } from "../../db/database.ts";
import { sessions, userIdentities, users } from "../../db/schema.ts";
import type { AccountDeps } from "../deps.ts";
import { isFirstUser } from "../first-admin.ts";
import { findHomeTeam, makeHomeTeam } from "../home-team.ts";
import { insertSession, type Origin, type SignedIn, tokenFor } from "../sessions.ts";
import { holdUser } from "../users.ts";
import type { ExternalAccount, OAuthFailure } from "./provider.ts";
import type { Intent, Linker } from "./state.ts";

/** An account of one of the providers. */
export interface Identity extends ExternalAccount {
  readonly provider: string;
}

export type Entered =
  | { readonly signedIn: SignedIn; readonly isNew: boolean }
  /** UUID of whose account it is, where there is one */
  | { readonly failure: OAuthFailure; readonly userId?: string };

/** Signs in whoever the account is known of; `signup` makes an active user otherwise. */
export async function enter(
  { db, sessionSecret }: AccountDeps,
  identity: Identity,
  intent: Exclude<Intent, "link">,
  origin: Origin,
): Promise<Entered> {
  const found = await db.queries.transaction(async (transaction) => {
    const known = await findUser(transaction, identity);
    if (known !== undefined && known.status !== "active") {
      return { failure: "account_deactivated", userId: known.id } as const;
    }
    if (known === undefined && intent === "login") return { failure: "no_account" } as const;
    const userId = known?.id ?? (await makeUser(transaction, identity));
    if (userId === undefined) return { failure: "email_taken" } as const;
    const sessionId = await insertSession(transaction, userId, origin);
    return { userId, sessionId, teamId: await findHomeTeam(transaction, userId), isNew: known === undefined };
  });
  if (found.failure !== undefined) return found;
  return { signedIn: await tokenFor(db, sessionSecret, found), isNew: found.isNew };
}

/** The lock lets nobody deactivate the user before the session is there to be ended. */
async function findUser(transaction: Queries, { provider, subject }: Identity) {
  const [user] = await transaction
    .select({ id: users.id, status: users.status })
    .from(userIdentities)
    .innerJoin(users, eq(users.id, userIdentities.userId))
    .where(and(eq(userIdentities.provider, provider), eq(userIdentities.subject, subject)))
    .for("share", { of: users });
  return user;
}

/** Undefined when somebody has the address already: that it is the same person is for them to show, by connecting. */
async function makeUser(
  transaction: Queries,
  { provider, subject, email, name }: Identity,
): Promise<string | undefined> {
  const id = randomUUID();
  const isAdmin = await isFirstUser(transaction, id);
  // Who only signed up has not shown that the address is theirs.
  await transaction.delete(users).where(and(eq(users.email, email), eq(users.status, "inactive")));
  const [made] = await transaction
    .insert(users)
    .values({ id, email, name, status: "active", isAdmin })
    .onConflictDoNothing()
    .returning({ id: users.id });
  if (made === undefined) return undefined;
  await transaction.insert(userIdentities).values({ provider, subject, userId: id });
  await makeHomeTeam(transaction, id, name);
  return id;
}

/** Connects the account to the user of a session that lasts still. Returns why not, if not. */
export async function connect(
  { db }: AccountDeps,
  { provider, subject }: Identity,
  { userId, sessionId }: Linker,
): Promise<OAuthFailure | undefined> {
  return db.queries.transaction(async (transaction) => {
    // Before the session, as by whoever ends it with the account.
    if (!(await holdUser(transaction, userId))) return "invalid_state";
    const [session] = await transaction
      .select({ id: sessions.id })
      .from(sessions)
      .where(and(eq(sessions.id, sessionId), eq(sessions.userId, userId), gt(sessions.expiresAt, new Date())))
      .for("share");
    if (session === undefined) return "invalid_state";
    const [made] = await transaction
      .insert(userIdentities)
      .values({ provider, subject, userId })
      .onConflictDoNothing()
      .returning({ userId: userIdentities.userId });
    if (made !== undefined) return undefined;
    const [mine] = await transaction
      .select({ userId: userIdentities.userId })
      .from(userIdentities)
      .where(
        and(
          eq(userIdentities.provider, provider),
          eq(userIdentities.subject, subject),
          eq(userIdentities.userId, userId),
        ),
      );
    return mine === undefined ? "already_linked" : undefined;
  });
}

/** @throws provider_not_found when it is not connected; last_login_method when the user could not sign in without it */
export async function disconnect({ db }: AccountDeps, userId: string, provider: string): Promise<void> {
  await db.queries.transaction(async (transaction) => {
    // Of two that are disconnected at once, one waits here for the other.
    const [user] = await transaction
      .select({ passwordHash: users.passwordHash })
      .from(users)
      .where(eq(users.id, userId))
      .for("update");
    const connected = await transaction
      .select({ provider: userIdentities.provider })
      .from(userIdentities)
      .where(eq(userIdentities.userId, userId));
    if (!connected.some((one) => one.provider === provider)) {
      throw new WrennError("provider_not_found", "this provider is not connected to your account");
    }
    if (connected.length === 1 && (user?.passwordHash ?? null) === null) {
      throw new WrennError("last_login_method", "you could not sign in any more");
    }
    await transaction
      .delete(userIdentities)
      .where(and(eq(userIdentities.userId, userId), eq(userIdentities.provider, provider)));
  });
}
