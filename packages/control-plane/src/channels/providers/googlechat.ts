/** Google Chat: the webhook of a space. */
import { z } from "zod";
import { defineProvider, httpUrl, postJson } from "./provider.ts";
import { textOf } from "./text.ts";

export const googlechat = defineProvider({
  config: z.object({ webhook_url: httpUrl }),
  request: ({ webhook_url }, { event }) => postJson(webhook_url, { text: textOf(event) }),
});
