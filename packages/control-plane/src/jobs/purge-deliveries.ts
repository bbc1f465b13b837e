/** Removes what channels were told long ago. */
import { z } from "zod";
import { purgeDeliveries as purge } from "../channels/deliveries.ts";
import { defineJob } from "./define.ts";

export const purgeDeliveries = defineJob({
  name: "purge-deliveries",
  data: z.object({}),
  cron: "43 * * * *",
  run: ({ db }) => purge(db),
});
