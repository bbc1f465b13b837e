/** Removes what is left of accounts that were deleted long enough ago. */
import { z } from "zod";
import { purgeAccounts as purge } from "../identity/delete-account.ts";
import { defineJob } from "./define.ts";

export const purgeAccounts = defineJob({
  name: "purge-accounts",
  data: z.object({}),
  cron: "27 3 * * *",
  run: (deps) => purge(deps),
});
