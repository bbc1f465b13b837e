/** The team and the API key that every instance has from its first start. The clear text of the key lies in a file of root. */
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

/** Ensures the platform team and the key of the file, unless it was revoked: whoever wants a new one removes the file. */
export async function ensureLocalKey(db: Database, file: string, logger: Logger): Promise<void> {
  const teamId = idToUuid(PLATFORM_TEAM);
  await db.queries.insert(teams).values({ id: teamId, name: "Platform", slug: PLATFORM_SLUG }).onConflictDoNothing();
  const key = await readOrMakeKey(file);
  if (await storeApiKey(db, teamId, "local", key)) return;
  logger.warn({ event: "local_key_revoked", file, hint: "remove the file for a new key at the next start" });
}
