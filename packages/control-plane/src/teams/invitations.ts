/** Invitations: nobody is in a team that they did not want to be in. */
import { randomUUID } from "node:crypto";
import { hasRole, type Role } from "@wrenn/protocol/access";
import { WrennError } from "@wrenn/protocol/errors";
import { LIMITS } from "@wrenn/protocol/limits";
import { and, eq, gt, isNull, lte, ne } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { newestFirst, type Page } from "../db/page.ts";
import { holdRoom } from "../db/room.ts";
import { type InvitationRow, invitations, memberships, type TeamRow, teams, users } from "../db/schema.ts";
import { countUp, type Limit, limitTo } from "../identity/counts.ts";
import { holdMembership, holdTeam } from "../identity/team-lock.ts";
import { holdSelf } from "../identity/users.ts";
import type { TeamDeps } from "./deps.ts";
import type { GivenRole } from "./members.ts";

const LIFETIME_MS = 7 * 24 * 3_600_000;
const HOUR = 3600;
/** Mails of one team to one address, and of all teams: who is asked more often finds it after signing in. */
const MAILS_OF_TEAM: Limit = { what: "mailed invitations of a team", max: 1, seconds: HOUR };
const MAILS_OF_ALL: Limit = { what: "mailed invitations", max: 5, seconds: HOUR };

interface Asked {
  readonly userId: string;
  /** trimmed and in lower case */
  readonly email: string;
}

const open = () => gt(invitations.expiresAt, new Date());

/**
 * Asks whoever has the address, now or later. Asking again renews what was asked before; the mail is sent once an hour.
 * @throws invalid_request for a member, not_found for a team that is no more, and for who has just lost the right to:
 * account_deactivated, no_team, forbidden; quota_exceeded, rate_limited
 */
export async function invite(
  { db, teller, invitationsPerHour }: TeamDeps,
  teamId: string,
  by: { readonly userId: string; readonly name: string },
  { email, role }: { readonly email: string; readonly role: GivenRole },
): Promise<InvitationRow> {
  await teller?.ready();
  if (invitationsPerHour !== undefined) {
    const limit = { what: "invitations", max: invitationsPerHour, seconds: HOUR };
    for (const whose of [by.userId, teamId]) await limitTo(db.queries, limit, whose, "too many invitations");
  }
  return db.queries.transaction(async (tx) => {
    // Whoever takes the right away withdraws the invitations, so it must not go meanwhile.
    await holdSelf(tx, by.userId);
    const team = await holdTeam(tx, teamId);
    if (!hasRole(await holdMembership(tx, teamId, by.userId), "admin")) {
      throw new WrennError("forbidden", "only admins of the team invite");
    }
    const [member] = await tx
      .select({ role: memberships.role })
      .from(memberships)
      .innerJoin(users, eq(users.id, memberships.userId))
      .where(and(eq(memberships.teamId, teamId), eq(users.email, email)));
    if (member !== undefined) throw new WrennError("invalid_request", `${email} is already a member`);
    const now = new Date();
    // Nobody can answer them any more.
    await tx.delete(invitations).where(and(eq(invitations.teamId, teamId), lte(invitations.expiresAt, now)));
    await holdRoom(tx, {
      owner: teamId,
      table: invitations,
      where: and(eq(invitations.teamId, teamId), ne(invitations.email, email)),
      max: LIMITS.teamInvitations,
      message: `a team has at most ${LIMITS.teamInvitations} invitations that wait for an answer: take one back first`,
    });
    const fields = { role, invitedBy: by.userId, createdAt: now, expiresAt: new Date(now.getTime() + LIFETIME_MS) };
    const [made] = await tx
      .insert(invitations)
      .values({ id: randomUUID(), teamId, email, ...fields })
      .onConflictDoUpdate({ target: [invitations.teamId, invitations.email], set: fields })
      .returning();
    if (made === undefined) throw new WrennError("internal_error", "the insert returned no row");
    if ((await countUp(tx, MAILS_OF_TEAM, `${teamId} ${email}`)) > 0) return made;
    if ((await countUp(tx, MAILS_OF_ALL, email)) > 0) return made;
    const { expiresAt } = made;
    const notice = { event: "team_invited", to: email, invitedBy: by.name, role, expiresAt } as const;
    await teller?.tell(tx, { ...notice, teamName: team.name });
    return made;
  });
}

/** What the team waits for, newest first. */
export function listInvitations(db: Database, teamId: string, page: Page): Promise<InvitationRow[]> {
  const order = newestFirst(invitations.createdAt, invitations.id, page);
  return db.queries
    .select()
    .from(invitations)
    .where(and(eq(invitations.teamId, teamId), open(), order.where))
    .orderBy(...order.by)
    .limit(page.limit);
}

/** Takes it back. @throws not_found when the team has none such, or not any more */
export async function cancelInvitation(db: Database, teamId: string, id: string): Promise<void> {
  const gone = await db.queries
    .delete(invitations)
    .where(and(eq(invitations.id, id), eq(invitations.teamId, teamId)))
    .returning({ id: invitations.id });
  if (gone.length === 0) throw notThere();
}

export interface OwnInvitation {
  readonly invitation: InvitationRow;
  readonly teamName: string;
  readonly invitedBy: string | null;
}

/** What the user was asked and has not answered, newest first. */
export function invitationsOf(db: Database, { email }: Asked, page: Page): Promise<OwnInvitation[]> {
  const order = newestFirst(invitations.createdAt, invitations.id, page);
  return db.queries
    .select({ invitation: invitations, teamName: teams.name, invitedBy: users.name })
    .from(invitations)
    .innerJoin(teams, and(eq(teams.id, invitations.teamId), isNull(teams.deletedAt)))
    .leftJoin(users, eq(users.id, invitations.invitedBy))
    .where(and(eq(invitations.email, email), open(), order.where))
    .orderBy(...order.by)
    .limit(page.limit);
}

/**
 * Joins the team; of several attempts one succeeds.
 * @throws not_found when it is not the user's, or not any more; account_deactivated for who has just closed their account
 */
export async function acceptInvitation(
  { db, teller }: TeamDeps,
  user: Asked,
  id: string,
): Promise<{ team: TeamRow; role: Role }> {
  return db.queries.transaction(async (tx) => {
    await holdSelf(tx, user.userId);
    const mine = and(eq(invitations.id, id), eq(invitations.email, user.email), open());
    const [seen] = await tx.select({ teamId: invitations.teamId }).from(invitations).where(mine);
    if (seen === undefined) throw notThere();
    const team = await holdTeam(tx, seen.teamId);
    // Deleting the row is what only one can do.
    const [taken] = await tx.delete(invitations).where(mine).returning({ role: invitations.role });
    if (taken === undefined) throw notThere();
    const [made] = await tx
      .insert(memberships)
      .values({ teamId: team.id, userId: user.userId, role: taken.role })
      .onConflictDoNothing({ target: [memberships.teamId, memberships.userId] })
      .returning({ role: memberships.role });
    if (made === undefined) throw new WrennError("conflict", "you are in this team already");
    await teller?.tell(tx, { event: "team_joined", to: user.email, teamName: team.name });
    return { team, role: made.role };
  });
}

/** Returns the UUID of the team. @throws not_found when it is not the user's, or not any more */
export async function declineInvitation(db: Database, user: Asked, id: string): Promise<string> {
  const [gone] = await db.queries
    .delete(invitations)
    .where(and(eq(invitations.id, id), eq(invitations.email, user.email)))
    .returning({ teamId: invitations.teamId });
  if (gone === undefined) throw notThere();
  return gone.teamId;
}

function notThere(): WrennError {
  return new WrennError("not_found", "the invitation does not exist, or not any more");
}
