/** Slack: an incoming webhook. */
import { z } from "zod";
import { defineProvider, httpUrl, postJson } from "./provider.ts";
import { textOf } from "./text.ts";

/** Slack's own signs in text; what they would begin is not ours to say. */
const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

export const slack = defineProvider({
  config: z.object({ webhook_url: httpUrl }),
  request: ({ webhook_url }, { event }) => postJson(webhook_url, { text: escape(textOf(event)) }),
});
