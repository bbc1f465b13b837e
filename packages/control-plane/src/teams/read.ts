/** Reads of teams and of who is in them. */
import type { Role } from "@wrenn/protocol/access";
import { WrennError } from "@wrenn/protocol/errors";
import { and, asc, eq, isNull, ne } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { type MembershipRow, memberships, type TeamRow, teams, type UserRow, users } from "../db/schema.ts";

/** The user's teams, the oldest membership first. */
export async function listTeams(db: Database, userId: string): Promise<{ team: TeamRow; role: Role }[]> {
  return db.queries
    .select({ team: teams, role: memberships.role })
    .from(memberships)
    .innerJoin(teams, eq(teams.id, memberships.teamId))
    .where(and(eq(memberships.userId, userId), isNull(teams.deletedAt)))
    .orderBy(asc(memberships.joinedAt), asc(teams.id));
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
export async function listMembers(db: Database, teamId: string): Promise<Member[]> {
  return db.queries
    .select({ membership: memberships, user: { id: users.id, name: users.name, email: users.email } })
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId))
    .where(and(eq(memberships.teamId, teamId), ne(users.status, "deleted")))
    .orderBy(asc(memberships.joinedAt), asc(users.id));
}
