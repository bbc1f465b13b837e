/** Adds up the days that are over. */
import { z } from "zod";
import { rollUpDays } from "../usage/days.ts";
import { defineJob } from "./define.ts";

export const rollUpUsage = defineJob({
  name: "roll-up-usage",
  data: z.object({}),
  cron: "7 * * * *",
  run: ({ db }) => rollUpDays(db, new Date()),
});
