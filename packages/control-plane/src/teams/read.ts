/** Reads of teams and of who is in them. */
import type { Role } from "@wrenn/protocol/access";
import { WrennError } from "@wrenn/protocol/errors";
import { and, eq, isNull, ne } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { oldestFirst, type Page } from "../db/page.ts";
import { type MembershipRow, memberships, type TeamRow, teams, type UserRow, users } from "../db/schema.ts";

export interface OwnTeam {
  readonly team: TeamRow;
  readonly role: Role;
  readonly joinedAt: Date;
}

/** The user's teams, the oldest membership first. */
export async function listTeams(db: Database, userId: string, page: Page): Promise<OwnTeam[]> {
  const order = oldestFirst(memberships.joinedAt, teams.id, page);
  return db.queries
    .select({ team: teams, role: memberships.role, joinedAt: memberships.joinedAt })
    .from(memberships)
    .innerJoin(teams, eq(teams.id, memberships.teamId))
    .where(and(eq(memberships.userId, userId), isNull(teams.deletedAt), order.where))
    .orderBy(...order.by)
    .limit(page.limit);
}

/** @throws not_found */
export async function getTeam(db: Database, teamId: string): Promise<TeamRow> {
  const [team] = await db.queries
    .select()
    .from(teams)
    .where(and(eq(teams.id, teamId), isNull(teams.deletedAt)));
  if (team === undefined) throw new WrennError("not_found", "the team does not exist");
  return team;
}

export interface Member {
  readonly membership: MembershipRow;
  readonly user: Pick<UserRow, "id" | "name" | "email">;
}

/** Whoever joined first comes first. */
export async function listMembers(db: Database, teamId: string, page: Page): Promise<Member[]> {
  const order = oldestFirst(memberships.joinedAt, users.id, page);
  return db.queries
    .select({ membership: memberships, user: { id: users.id, name: users.name, email: users.email } })
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId))
    .where(and(eq(memberships.teamId, teamId), ne(users.status, "deleted"), order.where))
    .orderBy(...order.by)
    .limit(page.limit);
}
