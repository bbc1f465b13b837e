/** How every team begins: with its owner, and a slug that no other has. */
import { randomBytes, randomUUID } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import type { Queries } from "../db/database.ts";
import { memberships, type TeamRow, teams } from "../db/schema.ts";

/** Slugs are 48 random bits: this many in a row that are all taken do not happen. */
const ATTEMPTS = 5;

function newSlug(): string {
  const digits = randomBytes(6).toString("hex");
  return `${digits.slice(0, 6)}-${digits.slice(6)}`;
}

/** The team with its owner. @param isDefault the team that the owner is in after signing in; they must have none yet */
export async function insertTeam(tx: Queries, userId: string, name: string, isDefault: boolean): Promise<TeamRow> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const [team] = await tx
      .insert(teams)
      .values({ id: randomUUID(), name, slug: newSlug() })
      .onConflictDoNothing({ target: teams.slug })
      .returning();
    if (team === undefined) continue;
    await tx.insert(memberships).values({ teamId: team.id, userId, role: "owner", isDefault });
    return team;
  }
  throw new WrennError("internal_error", "no slug is free");
}
