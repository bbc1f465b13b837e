/** REST schemas that every route shares. */
import { z } from "zod";

export const errorEnvelopeSchema = z
  .object({
    error: z.object({
      code: z.string(),
      message: z.string(),
      reason: z
        .string()
        .optional()
        .describe("The precise code, where `code` is the broader one that older clients know"),
      sandbox_ids: z.array(z.string()).optional().describe("The capsules that are in the way"),
    }),
    sandbox_ids: z.array(z.string()).optional().describe("The same, for older clients"),
  })
  .meta({ id: "Error" });
export type ErrorEnvelope = z.infer<typeof errorEnvelopeSchema>;

export const healthSchema = z.object({ status: z.literal("ok"), version: z.string() }).meta({ id: "Health" });
export type Health = z.infer<typeof healthSchema>;

/** A yes or no in a query: `true`, `1` or an empty value is yes. */
export const flag = z
  .enum(["", "true", "1", "false", "0"])
  .default("false")
  .transform((text) => text !== "false" && text !== "0");

/** Query of lists that come in pages. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(1000).default(1000),
  cursor: z.string().max(200).optional().describe("Of the header x-next-cursor of the page before"),
};

const YEAR_10000 = Date.UTC(10_000, 0);

/** A time that somebody names: one that databases can hold. */
export const instant = z.iso
  .datetime({ offset: true })
  .refine((text) => Date.parse(text) >= 0 && Date.parse(text) < YEAR_10000, "must be between the years 1970 and 9999");
