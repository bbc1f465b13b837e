/** What administrators of the platform decide about a team. */
import { WrennError } from "@wrenn/protocol/errors";
import { idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import { and, eq, isNull, ne } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { type TeamRow, teams } from "../db/schema.ts";

type Settings = Pick<TeamRow, "isByoc" | "maxCapsules" | "maxVcpus" | "maxMemoryMb" | "maxDiskMb" | "maxSnapshots">;

/** @throws not_found, also for the platform's own team */
export async function setTeam({ queries }: Database, teamId: string, settings: Partial<Settings>): Promise<void> {
  const known = and(eq(teams.id, teamId), isNull(teams.deletedAt), ne(teams.id, idToUuid(PLATFORM_TEAM)));
  const set = await queries.update(teams).set(settings).where(known).returning({ id: teams.id });
  if (set.length === 0) throw new WrennError("not_found", "the team does not exist");
}
