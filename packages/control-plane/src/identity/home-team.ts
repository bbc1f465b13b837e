/** The team that a user is in after signing in. */
import { and, asc, desc, eq, isNull } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { memberships, teams } from "../db/schema.ts";
import { insertTeam } from "./new-team.ts";

/** Makes the team that every new user owns. Returns its UUID. */
export async function makeHomeTeam(queries: Queries, userId: string, userName: string): Promise<string> {
  return (await insertTeam(queries, userId, defaultName(userName), true)).id;
}

/** Names of people have letters that names of teams have not. */
function defaultName(userName: string): string {
  return `${userName.replaceAll(/[^A-Za-z0-9 _\-@']/g, "").slice(0, 100)}'s Team`;
}

/** Their default team; without one, the team that they joined first. Undefined for who is in none. */
export async function findHomeTeam(queries: Queries, userId: string): Promise<string | undefined> {
  const [row] = await queries
    .select({ id: teams.id })
    .from(memberships)
    .innerJoin(teams, eq(teams.id, memberships.teamId))
    .where(and(eq(memberships.userId, userId), isNull(teams.deletedAt)))
    .orderBy(desc(memberships.isDefault), asc(memberships.joinedAt))
    .limit(1);
  return row?.id;
}
