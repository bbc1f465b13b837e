/** Discord: a webhook of a server's channel. */
import { z } from "zod";
import { defineProvider, httpUrl, postJson } from "./provider.ts";
import { textOf } from "./text.ts";

export const discord = defineProvider({
  config: z.object({ webhook_url: httpUrl }),
  // A name in the text mentions nobody.
  request: ({ webhook_url }, { event }) =>
    postJson(webhook_url, { content: textOf(event), allowed_mentions: { parse: [] } }),
});
