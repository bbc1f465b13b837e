/** Removes invitations that nobody answered in time: they are of people who may want nothing of this place. */
import { z } from "zod";
import { purgeInvitations as purge } from "../teams/purge-invitations.ts";
import { defineJob } from "./define.ts";

export const purgeInvitations = defineJob({
  name: "purge-invitations",
  data: z.object({}),
  cron: "37 * * * *",
  run: ({ db }) => purge(db),
});
