/** Brings what is stored encrypted under the current key, so that keys before it can go. */
import { z } from "zod";
import { reencryptChannels } from "../channels/reencrypt.ts";
import { defineJob } from "./define.ts";

export const reencrypt = defineJob({
  name: "reencrypt",
  data: z.object({}),
  cron: "*/10 * * * *",
  run: ({ db, encryption }, _data, signal) => reencryptChannels(db, encryption, signal),
});
