/** The team that every instance has from its first start, and the API key of one on one box, whose clear text lies in a file of root. */
import { WrennError } from "@wrenn/protocol/errors";
import { idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import { readOrMakeFile } from "@wrenn/runtime/atomic-file";
import type { Logger } from "@wrenn/runtime/logger";
import type { Database } from "../db/database.ts";
import { teams } from "../db/schema.ts";
import { isApiKey, newApiKey, storeApiKey } from "./api-keys.ts";

const PLATFORM_SLUG = "000000-000000";

/** The file's key, made when there is no file. @throws config_invalid when the file holds something else */
async function readOrMakeKey(file: string): Promise<string> {
  const key = (await readOrMakeFile(file, () => `${newApiKey()}\n`)).trim();
  if (!isApiKey(key)) throw new WrennError("config_invalid", `${file} does not hold an API key: remove it`);
  return key;
}

export async function ensurePlatformTeam(db: Database): Promise<void> {
  const team = { id: idToUuid(PLATFORM_TEAM), name: "Platform", slug: PLATFORM_SLUG };
  await db.queries.insert(teams).values(team).onConflictDoNothing();
}

/** Ensures the key of the file, unless it was revoked: whoever wants a new one removes the file. */
export async function ensureLocalKey(db: Database, file: string, logger: Logger): Promise<void> {
  const key = await readOrMakeKey(file);
  if (await storeApiKey(db, idToUuid(PLATFORM_TEAM), "local", key)) return;
  logger.warn({ event: "local_key_revoked", file, hint: "remove the file for a new key at the next start" });
}
