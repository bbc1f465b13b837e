/** Removes sessions that are over. */
import { z } from "zod";
import { purgeSessions } from "../identity/sessions.ts";
import { defineJob } from "./define.ts";

export const purgeEndedSessions = defineJob({
  name: "purge-sessions",
  data: z.object({}),
  cron: "17 * * * *",
  run: ({ db }) => purgeSessions(db),
});
