/** The team that a user is in after signing in. */
import { randomBytes, randomUUID } from "node:crypto";
import { and, asc, desc, eq, isNull } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { memberships, teams } from "../db/schema.ts";

/** 6 hex digits, a hyphen, 6 hex digits */
function newSlug(): string {
  const [left, right] = [randomBytes(3), randomBytes(3)].map((bytes) => bytes.toString("hex"));
  return `${left}-${right}`;
}

/** Makes the team that every new user owns. Returns its UUID. */
export async function makeHomeTeam(queries: Queries, userId: string, userName: string): Promise<string> {
  const id = randomUUID();
  await queries.insert(teams).values({ id, name: `${userName}'s Team`, slug: newSlug() });
  await queries.insert(memberships).values({ teamId: id, userId, role: "owner", isDefault: true });
  return id;
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
