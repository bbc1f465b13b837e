/** Removes answers to requests that cannot be sent again any more. */
import { z } from "zod";
import { purgeIdempotencyKeys as purge } from "../idempotency/keys.ts";
import { defineJob } from "./define.ts";

export const purgeIdempotencyKeys = defineJob({
  name: "purge-idempotency-keys",
  data: z.object({}),
  cron: "31 * * * *",
  run: ({ db }) => purge(db),
});
