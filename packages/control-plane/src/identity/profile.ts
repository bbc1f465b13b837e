/** What users see and change of themselves. */
import { asc, eq } from "drizzle-orm";
import { userIdentities, users } from "../db/schema.ts";
import type { AccountDeps } from "./deps.ts";
import type { UserPrincipal } from "./principal.ts";
import { type SignedIn, tokenFor } from "./sessions.ts";
import { getUser } from "./users.ts";

export interface LoginMethods {
  readonly hasPassword: boolean;
  /** names of the providers that they can sign in with */
  readonly providers: readonly string[];
}

export async function loginMethods({ db }: AccountDeps, userId: string): Promise<LoginMethods> {
  const { passwordHash } = await getUser(db.queries, userId);
  const identities = await db.queries
    .select({ provider: userIdentities.provider })
    .from(userIdentities)
    .where(eq(userIdentities.userId, userId))
    .orderBy(asc(userIdentities.provider));
  return { hasPassword: passwordHash !== null, providers: identities.map(({ provider }) => provider) };
}

/** Returns a token that says the new name, of the same session in the same team. */
export async function rename(
  { db, sessionSecret }: AccountDeps,
  { userId, sessionId, membership }: UserPrincipal,
  name: string,
): Promise<SignedIn> {
  await db.queries.update(users).set({ name, updatedAt: new Date() }).where(eq(users.id, userId));
  return tokenFor(db, sessionSecret, { sessionId, userId, teamId: membership?.teamId });
}
