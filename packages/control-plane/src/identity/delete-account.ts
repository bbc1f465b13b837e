/** Accounts end in two steps: first they are closed, and after some days nothing personal is left of them. */
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import { idFromUuid, idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import { and, eq, inArray, isNull, lt, ne, sql } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { auditLogs, mailTokens, memberships, teams, userIdentities, users } from "../db/schema.ts";
import { MAILS } from "../mail/mails.ts";
import { holdAnotherAdmin } from "./admins.ts";
import type { AccountDeps } from "./deps.ts";
import { endGrants } from "./leaving.ts";
import { purgeMailTokens } from "./mail-tokens.ts";
import type { UserPrincipal } from "./principal.ts";
import { endSessions } from "./sessions.ts";

/** How long a closed account is kept. */
const KEEP_DAYS = 15;
const DAY_MS = 24 * 3_600_000;
/** What the audit log says instead of the name. */
const ERASED_NAME = "deleted-user";

/** How teams end, which is no matter of accounts. */
export interface TeamEnding {
  /** to be called before any row of a team is held */
  begin(transaction: Queries): Promise<void>;
  /** @param teamId UUID of a team whose row is held */
  end(transaction: Queries, teamId: string): Promise<void>;
}

/**
 * Closes the account at once, with the teams that nobody else is in.
 * @throws owns_team_with_members, conflict for the owner of the platform's team and for the last administrator, account_deactivated
 */
export async function deleteAccount(
  { db, mailer }: AccountDeps,
  { userId, email, name }: UserPrincipal,
  teamEnding: TeamEnding,
): Promise<void> {
  const deletedAt = new Date();
  const purgeAt = new Date(deletedAt.getTime() + KEEP_DAYS * DAY_MS);
  await mailer.ready();
  await db.queries.transaction(async (transaction) => {
    await teamEnding.begin(transaction);
    await holdOwn(transaction, userId);
    for (const teamId of await lockOwnTeams(transaction, userId)) await teamEnding.end(transaction, teamId);
    await transaction.delete(memberships).where(eq(memberships.userId, userId));
    await endGrants(transaction, { userId });
    await transaction.delete(userIdentities).where(eq(userIdentities.userId, userId));
    await transaction.delete(mailTokens).where(eq(mailTokens.userId, userId));
    await transaction
      .update(users)
      .set({ status: "deleted", isAdmin: false, passwordHash: null, deletedAt, updatedAt: deletedAt })
      .where(and(eq(users.id, userId), eq(users.status, "active")));
    await endSessions(transaction, userId);
    await mailer.send(transaction, email, MAILS.deletionScheduled({ name, purgeAt }));
  });
}

/** So that teams that they are just made the owner of are seen. @throws account_deactivated for who is locked out or gone meanwhile */
async function holdOwn(transaction: Queries, userId: string): Promise<void> {
  const user = await holdAnotherAdmin(transaction, userId).catch((error: unknown) => {
    if (hasCode(error, "invalid_request")) throw new WrennError("conflict", error.message);
    if (!hasCode(error, "not_found")) throw error;
  });
  if (user?.status !== "active") throw new WrennError("account_deactivated", "this account is not active");
}

/** The teams of which the user is the owner and the only member; nobody joins them until the transaction ends. */
async function lockOwnTeams(transaction: Queries, userId: string): Promise<string[]> {
  const owned = await transaction
    .select({ id: teams.id, name: teams.name })
    .from(teams)
    .innerJoin(memberships, eq(memberships.teamId, teams.id))
    .where(and(eq(memberships.userId, userId), eq(memberships.role, "owner"), isNull(teams.deletedAt)))
    .for("update", { of: teams });
  const ids = owned.map(({ id }) => id);
  if (ids.includes(idToUuid(PLATFORM_TEAM))) {
    throw new WrennError("conflict", "you own the platform's team: give it to somebody else first");
  }
  const [other] = await transaction
    .select({ teamId: memberships.teamId })
    .from(memberships)
    .innerJoin(users, and(eq(users.id, memberships.userId), ne(users.status, "deleted")))
    .where(and(inArray(memberships.teamId, ids), ne(memberships.userId, userId)))
    .limit(1);
  if (other === undefined) return ids;
  const { name } = owned.find(({ id }) => id === other.teamId) ?? {};
  throw new WrennError("owns_team_with_members", `you own the team "${name}", which has other members`);
}

/** Removes what is left of accounts that were closed, or that nobody activated, long enough ago, and links of mails that are too old. */
export async function purgeAccounts({ db, mailer }: Pick<AccountDeps, "db" | "mailer">): Promise<void> {
  const before = new Date(Date.now() - KEEP_DAYS * DAY_MS);
  await mailer.ready();
  await db.queries.transaction(async (transaction) => {
    const purged = await transaction
      .delete(users)
      .where(and(eq(users.status, "deleted"), lt(users.deletedAt, before)))
      .returning({ id: users.id, email: users.email, name: users.name });
    if (purged.length > 0) await eraseTraces(transaction, purged);
    for (const { email, name } of purged) await mailer.send(transaction, email, MAILS.accountDeleted({ name }));
    await transaction.delete(users).where(and(eq(users.status, "inactive"), lt(users.updatedAt, before)));
  });
  await purgeMailTokens(db.queries);
}

/** What the audit log says of them that is personal: their names, where they asked from, and their addresses. */
async function eraseTraces(
  transaction: Queries,
  gone: readonly { readonly id: string; readonly email: string }[],
): Promise<void> {
  // The audit log refuses every other change.
  await transaction.execute(sql`select set_config('wrenn.erasing_user', 'on', true)`);
  const ids = gone.map(({ id }) => idFromUuid("user", id));
  const byThem = inArray(auditLogs.actorId, ids);
  await transaction.update(auditLogs).set({ actorName: ERASED_NAME, sourceAddress: null }).where(byThem);
  // Before they had signed in, or when they could not.
  const forThem = and(eq(auditLogs.actorType, "system"), inArray(auditLogs.resourceId, ids));
  await transaction.update(auditLogs).set({ sourceAddress: null }).where(forThem);
  const emails = gone.map(({ email }) => email);
  await transaction
    .update(auditLogs)
    .set({ metadata: sql`${auditLogs.metadata} - 'email'` })
    .where(inArray(sql`${auditLogs.metadata}->>'email'`, emails));
}
