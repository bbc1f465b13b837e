/** Removes what was measured of capsules long ago. */
import { z } from "zod";
import { purgeMetrics, purgeSpans } from "../usage/purge.ts";
import { defineJob } from "./define.ts";

export const purgeUsage = defineJob({
  name: "purge-usage",
  data: z.object({}),
  cron: "53 * * * *",
  async run({ db }) {
    const now = new Date();
    await purgeSpans(db, now);
    await purgeMetrics(db, now);
  },
});
