/** Requests that may be sent again. */
import { z } from "zod";

export const idempotencyHeaders = z.looseObject({
  "idempotency-key": z
    .string()
    .regex(/^[!-~]{1,255}$/, "must be 1 to 255 visible ASCII characters")
    .optional()
    .describe(
      "Chosen by the client: sent again with it within 24 hours, the same request does nothing and gets the first answer",
    ),
});
