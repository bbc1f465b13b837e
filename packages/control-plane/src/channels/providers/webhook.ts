/** A receiver of the user's own. What it gets is signed, so that it can tell us from others, and a repetition from something new. */
import { createHmac, randomBytes } from "node:crypto";
import { z } from "zod";
import { defineProvider, httpUrl } from "./provider.ts";

const secret = z
  .string()
  .min(16, "must have 16 characters or more")
  .max(256)
  .default(() => randomBytes(32).toString("hex"));

export const webhook = defineProvider({
  config: z.object({ url: httpUrl, secret }),
  request: ({ url, secret: key }, { id, event }) => {
    const body = JSON.stringify(event);
    // Of the attempt, not of the event: the receiver can refuse what is old, and with it what somebody sends again.
    const timestamp = `${new Date().toISOString().slice(0, 19)}Z`;
    const signature = createHmac("sha256", key).update(`${timestamp}.${body}`).digest("hex");
    const headers = {
      "content-type": "application/json",
      "x-wrenn-signature": `sha256=${signature}`,
      "x-wrenn-timestamp": timestamp,
      "x-wrenn-delivery": id,
    };
    return { method: "POST", url, headers, body };
  },
});
