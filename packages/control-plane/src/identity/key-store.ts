/** API keys of teams: who made which, and for what. */
import { randomUUID } from "node:crypto";
import { hasRole, type Scope } from "@wrenn/protocol/access";
import { WrennError } from "@wrenn/protocol/errors";
import { LIMITS } from "@wrenn/protocol/limits";
import type { KeyForm } from "@wrenn/protocol/rest/api-keys";
import { and, asc, eq, getTableColumns, inArray } from "drizzle-orm";
import type { Database, Queries } from "../db/database.ts";
import { newestFirst, type Page } from "../db/page.ts";
import { holdRoom } from "../db/room.ts";
import { type ApiKeyRow, apiKeys, revokedKeys, users } from "../db/schema.ts";
import { hashApiKey, newApiKey, prefixOf } from "./api-keys.ts";
import type { UserPrincipal } from "./principal.ts";
import { holdMembership } from "./team-lock.ts";
import { holdSelf } from "./users.ts";

export interface KeyRequest {
  readonly name: string;
  /** everything that keys can do when absent */
  readonly scopes?: readonly Scope[] | undefined;
  readonly expiresAt?: Date | undefined;
  readonly form: KeyForm;
}

export interface ListedKey {
  readonly key: ApiKeyRow;
  /** null when the user is no more */
  readonly creatorEmail: string | null;
}

/** @throws invalid_request for a time that is over, no_team and account_deactivated for who has just left, quota_exceeded */
export async function createApiKey(
  db: Database,
  teamId: string,
  createdBy: string,
  { name, scopes, expiresAt, form }: KeyRequest,
): Promise<{ key: string; row: ApiKeyRow }> {
  if (expiresAt !== undefined && expiresAt <= new Date()) {
    throw new WrennError("invalid_request", "expires_at must be in the future");
  }
  const key = newApiKey(form);
  const row = await db.queries.transaction(async (tx) => {
    // Whoever ends the account or the membership takes all keys along, so neither must end meanwhile.
    await holdSelf(tx, createdBy);
    await holdMembership(tx, teamId, createdBy);
    await holdRoom(tx, {
      owner: teamId,
      table: apiKeys,
      where: eq(apiKeys.teamId, teamId),
      max: LIMITS.teamApiKeys,
      message: `a team has at most ${LIMITS.teamApiKeys} API keys: revoke one first`,
    });
    const [made] = await tx
      .insert(apiKeys)
      .values({
        id: randomUUID(),
        teamId,
        name,
        keyHash: hashApiKey(key),
        keyPrefix: prefixOf(key),
        scopes: scopes === undefined ? null : [...new Set(scopes)],
        createdBy,
        expiresAt: expiresAt ?? null,
      })
      .returning();
    return made;
  });
  if (row === undefined) throw new WrennError("internal_error", "the insert returned no row");
  return { key, row };
}

/** Newest first; those that have expired too. */
export function listApiKeys(db: Database, teamId: string, page: Page): Promise<ListedKey[]> {
  const order = newestFirst(apiKeys.createdAt, apiKeys.id, page);
  return db.queries
    .select({ key: getTableColumns(apiKeys), creatorEmail: users.email })
    .from(apiKeys)
    .leftJoin(users, eq(users.id, apiKeys.createdBy))
    .where(and(eq(apiKeys.teamId, teamId), order.where))
    .orderBy(...order.by)
    .limit(page.limit);
}

/** Whether the team had such a key. @throws forbidden for a member who did not make it */
export async function revokeApiKey(
  db: Database,
  { userId, membership }: Pick<UserPrincipal, "userId" | "membership">,
  id: string,
): Promise<boolean> {
  if (membership === undefined) return false;
  const ofTeam = and(eq(apiKeys.id, id), eq(apiKeys.teamId, membership.teamId));
  const own = hasRole(membership.role, "admin") ? undefined : eq(apiKeys.createdBy, userId);
  const revoked = await db.queries.transaction(async (tx) => {
    const [gone] = await tx.delete(apiKeys).where(and(ofTeam, own)).returning();
    // A file may hold it still.
    if (gone?.createdBy === null) await tx.insert(revokedKeys).values({ keyHash: gone.keyHash }).onConflictDoNothing();
    return gone !== undefined;
  });
  if (revoked) return true;
  const others = await db.queries.select({ id: apiKeys.id }).from(apiKeys).where(ofTeam);
  if (others.length === 0) return false;
  throw new WrennError("forbidden", "somebody else made this key: only admins of the team can revoke it");
}

/** All keys of a team, of a maker, or of both. Returns how many there were. */
export async function revokeKeys(
  tx: Queries,
  { teamId, createdBy }: { readonly teamId?: string; readonly createdBy?: string },
): Promise<number> {
  const theirs = and(
    teamId === undefined ? undefined : eq(apiKeys.teamId, teamId),
    createdBy === undefined ? undefined : eq(apiKeys.createdBy, createdBy),
  );
  // In one order, so that two who revoke some of the same do not wait for each other.
  const rows = await tx.select({ id: apiKeys.id }).from(apiKeys).where(theirs).orderBy(asc(apiKeys.id)).for("update");
  const ids = rows.map(({ id }) => id);
  await tx.delete(apiKeys).where(inArray(apiKeys.id, ids));
  return ids.length;
}
