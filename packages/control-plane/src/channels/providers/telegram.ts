/** Telegram: a bot writes into a chat. */
import { z } from "zod";
import { defineProvider, postJson, word } from "./provider.ts";
import { textOf } from "./text.ts";

const botToken = z
  .string("is missing")
  .regex(/^[0-9]{1,20}:[A-Za-z0-9_-]{1,100}$/, "must be digits, a colon and the secret part");

export const telegram = defineProvider({
  config: z.object({ bot_token: botToken, chat_id: word }),
  request: ({ bot_token, chat_id }, { event }) =>
    postJson(`https://api.telegram.org/bot${bot_token}/sendMessage`, { chat_id, text: textOf(event) }),
});
