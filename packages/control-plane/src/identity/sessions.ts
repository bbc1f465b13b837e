/** Sign-ins: rows that are looked at with every request, so that deleting one ends what was signed in by it at once. */
import { randomUUID } from "node:crypto";
import type { Role } from "@wrenn/protocol/access";
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import { LIMITS } from "@wrenn/protocol/limits";
import { and, desc, eq, gt, isNull, lt, ne, notInArray, sql } from "drizzle-orm";
import type { Database, Queries } from "../db/database.ts";
import { newestFirst, type Page } from "../db/page.ts";
import { forDatabase, prepared } from "../db/prepared.ts";
import { memberships, type SessionRow, sessions, teams, users } from "../db/schema.ts";
import { SharedReads } from "../db/shared-reads.ts";
import type { UserPrincipal } from "./principal.ts";
import { readToken, signToken } from "./session-token.ts";

/** Hours that a sign-in lasts. */
const LIFETIME_HOURS = 6;
const MAX_USER_AGENT = 300;

/** Where a session is begun. */
export interface Origin {
  readonly sourceAddress: string | undefined;
  readonly userAgent: string | undefined;
}

export interface SignedIn {
  readonly token: string;
  readonly principal: UserPrincipal;
}

/** Begins a session of an active user. @param teamId the team that it is in */
export async function beginSession(
  db: Database,
  secret: Uint8Array,
  userId: string,
  teamId: string | undefined,
  origin: Origin,
): Promise<SignedIn> {
  const sessionId = await insertSession(db.queries, userId, origin);
  return tokenFor(db, secret, { sessionId, userId, teamId });
}

/** Returns the UUID of the new session. The oldest of too many ends. */
export async function insertSession(
  queries: Queries,
  userId: string,
  { sourceAddress, userAgent }: Origin,
): Promise<string> {
  const id = randomUUID();
  await queries.insert(sessions).values({
    id,
    userId,
    expiresAt: new Date(Date.now() + LIFETIME_HOURS * 3_600_000),
    sourceAddress: sourceAddress ?? null,
    userAgent: userAgent?.slice(0, MAX_USER_AGENT) ?? null,
  });
  const newest = queries
    .select({ id: sessions.id })
    .from(sessions)
    .where(eq(sessions.userId, userId))
    .orderBy(desc(sessions.createdAt), desc(sessions.id))
    .limit(LIMITS.userSessions);
  await queries.delete(sessions).where(and(eq(sessions.userId, userId), notInArray(sessions.id, newest)));
  return id;
}

/** A new token of a session that exists, in another team perhaps. @throws unauthorized, account_deactivated */
export async function tokenFor(db: Database, secret: Uint8Array, content: SessionKey): Promise<SignedIn> {
  const { principal, expiresAt } = await readSession(db, content);
  const { membership, email, name, isAdmin } = principal;
  const labels = { email, name, isAdmin, role: membership?.role };
  const token = await signToken(secret, { ...content, teamId: membership?.teamId }, labels, expiresAt);
  return { token, principal };
}

/** @param token as in `Authorization: Bearer`. @throws unauthorized, account_deactivated */
export async function authenticateSession(db: Database, secret: Uint8Array, token: string): Promise<UserPrincipal> {
  return (await readSession(db, await readToken(secret, token))).principal;
}

interface SessionKey {
  readonly sessionId: string;
  readonly userId: string;
  readonly teamId: string | undefined;
}

/** Why requests of the session are refused, whatever team they are about; undefined when they are not. */
export async function checkSession(db: Database, content: SessionKey): Promise<WrennError | undefined> {
  try {
    await readSession(db, content);
    return undefined;
  } catch (error) {
    if (hasCode(error, "unauthorized", "account_deactivated")) return error;
    throw error;
  }
}

const sessionById = prepared((queries) =>
  queries
    .select({ session: sessions, user: users, role: memberships.role, team: teams.id })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.userId))
    .leftJoin(memberships, and(eq(memberships.userId, users.id), eq(memberships.teamId, sql.placeholder("teamId"))))
    .leftJoin(teams, and(eq(teams.id, memberships.teamId), isNull(teams.deletedAt)))
    .where(and(eq(sessions.id, sql.placeholder("sessionId")), eq(sessions.userId, sql.placeholder("userId"))))
    .prepare("session_by_id"),
);

type SessionFound = Awaited<ReturnType<ReturnType<typeof sessionById>["execute"]>>[number] | undefined;

const sharedSessions = forDatabase(() => new SharedReads<SessionFound>());

function findSession(db: Database, { sessionId, userId, teamId = NO_TEAM }: SessionKey): Promise<SessionFound> {
  const values = { sessionId, userId, teamId };
  return sharedSessions(db).read(JSON.stringify(values), async () => (await sessionById(db).execute(values))[0]);
}

async function readSession(db: Database, key: SessionKey): Promise<{ principal: UserPrincipal; expiresAt: Date }> {
  const row = await findSession(db, key);
  if (row === undefined || row.session.expiresAt <= new Date()) throw await sessionOver(db, key);
  const { session, user, role, team } = row;
  if (user.status !== "active") throw notActive();
  return {
    expiresAt: session.expiresAt,
    principal: {
      kind: "user",
      userId: user.id,
      email: user.email,
      name: user.name,
      isAdmin: user.isAdmin,
      sessionId: session.id,
      membership: membershipOf(team, role),
    },
  };
}

/** Why there is no session any more: those of who is locked out end with that. */
async function sessionOver({ queries }: Database, { userId }: SessionKey): Promise<WrennError> {
  const [user] = await queries.select({ status: users.status }).from(users).where(eq(users.id, userId));
  if (user !== undefined && user.status !== "active") return notActive();
  return new WrennError("unauthorized", "the session has ended: sign in again");
}

function notActive(): WrennError {
  return new WrennError("account_deactivated", "this account is not active");
}

/** Matches no team. */
const NO_TEAM = "ffffffff-ffff-ffff-ffff-ffffffffffff";

function membershipOf(teamId: string | null, role: Role | null): UserPrincipal["membership"] {
  return teamId === null || role === null ? undefined : { teamId, role };
}

/** Ends a session of the user; false when there is none. */
export async function endSession(db: Database, userId: string, id: string): Promise<boolean> {
  const ended = await db.queries
    .delete(sessions)
    .where(and(eq(sessions.id, id), eq(sessions.userId, userId)))
    .returning({ id: sessions.id });
  return ended.length > 0;
}

/** Those that last still, the latest first. */
export function listSessions(db: Database, userId: string, page: Page): Promise<SessionRow[]> {
  const order = newestFirst(sessions.createdAt, sessions.id, page);
  return db.queries
    .select()
    .from(sessions)
    .where(and(eq(sessions.userId, userId), gt(sessions.expiresAt, new Date()), order.where))
    .orderBy(...order.by)
    .limit(page.limit);
}

/** Ends all of the user's sessions, but for one. */
export async function endSessions(queries: Queries, userId: string, but?: string): Promise<void> {
  await queries
    .delete(sessions)
    .where(and(eq(sessions.userId, userId), but === undefined ? undefined : ne(sessions.id, but)));
}

/** Removes what is over anyway. */
export async function purgeSessions(db: Database): Promise<void> {
  await db.queries.delete(sessions).where(lt(sessions.expiresAt, new Date()));
}
