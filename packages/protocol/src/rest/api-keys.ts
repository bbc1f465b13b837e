/** REST schemas of API keys. */
import { z } from "zod";
import { SCOPES } from "../access.ts";
import { time } from "./capsules.ts";
import { idOf, instant, like, plain } from "./common.ts";

export const KEY_FORMS = ["wrn", "e2b"] as const;
export type KeyForm = (typeof KEY_FORMS)[number];

export const apiKeySchema = z
  .object({
    id: idOf("key"),
    team_id: idOf("team"),
    name: like("ci"),
    key_prefix: like("wrn_1a2b3c").describe("Its first 10 characters"),
    scopes: z.array(z.enum(SCOPES)).optional().describe("What it is good for; everything when absent"),
    created_by: idOf("user").optional().describe("Absent when the user is no more, and for the platform's own"),
    creator_email: like("ada@example.com").optional(),
    created_at: time,
    last_used: time.optional().describe("To the minute"),
    expires_at: time.optional(),
  })
  .meta({ id: "ApiKey" });
export type ApiKey = z.infer<typeof apiKeySchema>;

export const newApiKeySchema = apiKeySchema
  .extend({ key: like("wrn_1a2b3c4d5e6f").describe("The key itself: it is shown this once") })
  .meta({ id: "NewApiKey" });
export type NewApiKey = z.infer<typeof newApiKeySchema>;

export const createApiKeySchema = z
  .object({
    name: z
      .string()
      .trim()
      .min(1)
      .max(100)
      .regex(plain(".*"), "must not contain control characters")
      .default("Unnamed API Key"),
    scopes: z
      .array(z.enum(SCOPES))
      .min(1)
      .max(SCOPES.length)
      .optional()
      .describe("What it is good for; everything that keys can do when absent"),
    expires_at: instant.optional().describe("RFC 3339, to come; it does not expire when absent"),
    form: z.enum(KEY_FORMS).default("wrn").describe("Its first letters; E2B's clients take only their own"),
  })
  .meta({ id: "CreateApiKey" });
export type CreateApiKey = z.input<typeof createApiKeySchema>;
