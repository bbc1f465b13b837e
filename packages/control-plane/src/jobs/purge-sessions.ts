/** Removes sessions, and counts of what was done too often, that are over. */
import { z } from "zod";
import { purgeCounts } from "../identity/counts.ts";
import { purgeSessions } from "../identity/sessions.ts";
import { defineJob } from "./define.ts";

export const purgeEndedSessions = defineJob({
  name: "purge-sessions",
  data: z.object({}),
  cron: "17 * * * *",
  async run({ db }) {
    await purgeSessions(db);
    await purgeCounts(db.queries);
  },
});
