/** Brings what is stored encrypted under the current key, so that keys before it can go. */
import { z } from "zod";
import { countByKey, reencryptChannels } from "../channels/reencrypt.ts";
import type { Database } from "../db/database.ts";
import { defineJob } from "./define.ts";
import { countJobsByKey, reencryptJobs } from "./sealed.ts";
import { LETTERS } from "./send-mail.ts";
import { RESET_REQUESTS } from "./send-reset-link.ts";

const SEALED = [LETTERS, RESET_REQUESTS];

export const reencrypt = defineJob({
  name: "reencrypt",
  data: z.object({}),
  cron: "*/10 * * * *",
  async run({ db, encryption }, _data, signal) {
    const done = await Promise.allSettled([
      reencryptChannels(db, encryption, signal),
      reencryptJobs(db, encryption, SEALED, signal),
    ]);
    for (const one of done) if (one.status === "rejected") throw one.reason;
  },
});

/** How much of it each key is needed for, by its id. */
export async function encryptedByKey(db: Database): Promise<Record<string, number>> {
  const counts = await countByKey(db);
  for (const [key, count] of Object.entries(await countJobsByKey(db, SEALED))) counts[key] = (counts[key] ?? 0) + count;
  return counts;
}
