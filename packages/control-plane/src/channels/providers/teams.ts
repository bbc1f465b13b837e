/** Microsoft Teams: the webhook of a workflow, which takes cards. */
import { z } from "zod";
import { defineProvider, httpUrl, postJson } from "./provider.ts";
import { textOf } from "./text.ts";

const CARD = "application/vnd.microsoft.card.adaptive";

export const teams = defineProvider({
  config: z.object({ webhook_url: httpUrl }),
  request: ({ webhook_url }, { event }) => {
    const body = textOf(event)
      .split("\n")
      .map((text) => ({ type: "TextBlock", text, wrap: true, spacing: "None" }));
    const content = { type: "AdaptiveCard", version: "1.4", body };
    return postJson(webhook_url, { type: "message", attachments: [{ contentType: CARD, content }] });
  },
});
