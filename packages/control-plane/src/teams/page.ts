/** All teams and all users, for administrators of the platform. */
import { idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import { and, asc, count, desc, eq, ne, notInArray, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { capsules, channels, memberships, type TeamRow, teams, type UserRow, users } from "../db/schema.ts";

export const PER_PAGE = 100;

export interface Page<Item> {
  readonly items: Item[];
  readonly total: number;
}

export interface ListedTeam {
  readonly team: TeamRow;
  readonly memberCount: number;
  /** null for a team that nobody owns any more */
  readonly ownerName: string | null;
  readonly ownerEmail: string | null;
  /** capsules that have not ended */
  readonly capsuleCount: number;
  readonly channelCount: number;
}

/** Newest first, those that were deleted too, but not the platform's own. @param page from 1 */
export async function pageOfTeams({ queries }: Database, page: number): Promise<Page<ListedTeam>> {
  const listed = ne(teams.id, idToUuid(PLATFORM_TEAM));
  const live = notInArray(capsules.state, ["stopping", "stopped", "error"]);
  const rows = await queries
    .select({
      team: teams,
      memberCount: queries.$count(memberships, eq(memberships.teamId, teams.id)),
      ownerName: users.name,
      ownerEmail: users.email,
      capsuleCount: queries.$count(capsules, and(eq(capsules.teamId, teams.id), live)),
      channelCount: queries.$count(channels, eq(channels.teamId, teams.id)),
    })
    .from(teams)
    .leftJoin(memberships, and(eq(memberships.teamId, teams.id), eq(memberships.role, "owner")))
    .leftJoin(users, eq(users.id, memberships.userId))
    .where(listed)
    .orderBy(desc(teams.createdAt), desc(teams.id))
    .limit(PER_PAGE)
    .offset((page - 1) * PER_PAGE);
  const [all] = await queries.select({ total: count() }).from(teams).where(listed);
  return { items: rows, total: all?.total ?? 0 };
}

export interface ListedUser {
  readonly user: UserRow;
  readonly teamsJoined: number;
  readonly teamsOwned: number;
}

/** Whoever signed up first comes first; accounts that were deleted are left out. @param page from 1 */
export async function pageOfUsers({ queries }: Database, page: number): Promise<Page<ListedUser>> {
  const listed = ne(users.status, "deleted");
  const inTeam = sql`from ${memberships} join ${teams} on ${teams.id} = ${memberships.teamId} and ${teams.deletedAt} is null
    where ${memberships.userId} = ${users.id}`;
  const rows = await queries
    .select({
      user: users,
      teamsJoined: sql<number>`(select count(*)::int ${inTeam})`,
      teamsOwned: sql<number>`(select count(*)::int ${inTeam} and ${memberships.role} = 'owner')`,
    })
    .from(users)
    .where(listed)
    .orderBy(asc(users.createdAt), asc(users.id))
    .limit(PER_PAGE)
    .offset((page - 1) * PER_PAGE);
  const [all] = await queries.select({ total: count() }).from(users).where(listed);
  return { items: rows, total: all?.total ?? 0 };
}
