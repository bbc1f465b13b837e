/** REST schemas that every route shares. */
import { z } from "zod";
import { ERROR_CODES, ERRORS } from "../errors.ts";
import { type IdKind, idFromUuid } from "../ids.ts";

const EXAMPLE_UUID = "2b8d71a6-4f0e-4c53-9a1b-7e65d0c3f482";

/** With an example of what it may be: the document's examples of bodies are made of those of their fields. */
export function like(example: string): z.ZodString {
  return z.string().meta({ examples: [example] });
}

/** A text without control characters, for `.regex`: `shape` has `.` for any other character. JSON Schema has no \p{Cc}. */
export function plain(shape: string): RegExp {
  return new RegExp(`^${shape.replaceAll(".", String.raw`[^\x00-\x1f\x7f-\x9f]`)}$`);
}

export function idOf(kind: IdKind): z.ZodString {
  return like(idFromUuid(kind, EXAMPLE_UUID));
}

/** Codes are added with time: programs have to bear with ones that they do not know, and so has this schema. */
const codes = ERROR_CODES.filter((code) => ERRORS[code].wire === undefined);
const reasons = ERROR_CODES.filter((code) => ERRORS[code].wire !== undefined);

export const errorEnvelopeSchema = z
  .object({
    error: z.object({
      code: z.string().meta({ enum: codes, description: "Stable: what programs decide by" }),
      message: like("no such capsule").describe("For people"),
      reason: z
        .string()
        .meta({
          enum: reasons,
          description: "The precise code, where `code` is the broader one that older clients know",
        })
        .optional(),
      sandbox_ids: z.array(idOf("capsule")).optional().describe("The capsules that are in the way"),
    }),
    sandbox_ids: z.array(idOf("capsule")).optional().describe("The same, for older clients"),
  })
  .meta({ id: "Error" });
export type ErrorEnvelope = z.infer<typeof errorEnvelopeSchema>;

export const healthSchema = z.object({ status: z.literal("ok"), version: like("0.1.0") }).meta({ id: "Health" });
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
