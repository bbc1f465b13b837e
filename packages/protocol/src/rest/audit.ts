/** REST schemas of the audit log. */
import { z } from "zod";
import { time } from "./capsules.ts";
import { idOf, instant, like } from "./common.ts";

export const auditEntrySchema = z
  .object({
    id: idOf("log"),
    actor_type: z.enum(["user", "api_key", "host", "system"]),
    actor_id: idOf("user").optional(),
    actor_name: like("Ada Lovelace").optional(),
    resource_type: like("sandbox"),
    resource_id: idOf("capsule").optional(),
    action: like("create"),
    scope: z.enum(["team", "admin"]),
    status: z.enum(["success", "info", "warning", "error"]),
    metadata: z.record(z.string(), z.unknown()).optional(),
    request_id: idOf("request").optional(),
    source_address: like("192.0.2.7").optional(),
    created_at: time,
  })
  .meta({ id: "AuditEntry" });
export type AuditEntry = z.infer<typeof auditEntrySchema>;

export const auditPageSchema = z
  .object({
    items: z.array(auditEntrySchema),
    next_before: z.iso.datetime({ offset: true }).optional().describe("RFC 3339 with milliseconds: pass it as it is"),
    next_before_id: z.string().optional(),
  })
  .meta({ id: "AuditPage" });
export type AuditPage = z.infer<typeof auditPageSchema>;

const wordList = z
  .string()
  .max(500)
  .regex(/^[a-z0-9_,. -]*$/, "must be words of a-z, 0-9, _ . and -, with commas between them");

/** `a,b` and `a`, `b` are the same. */
function words(what: string) {
  return z
    .union([wordList, z.array(wordList).max(50)])
    .optional()
    .transform((given = []) =>
      [given]
        .flat()
        .flatMap((list) => list.split(","))
        .map((word) => word.trim())
        .filter((word) => word !== ""),
    )
    .describe(`${what}: may be repeated, and several joined by commas`);
}

export const auditQuery = z.object({
  before: instant.optional().describe("Only entries from before: next_before of a page"),
  before_id: z.string().optional().describe("next_before_id of the same page"),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  resource_type: words("Kinds of what was acted on"),
  action: words("What was done"),
  actor_id: z
    .string()
    .regex(/^[a-z]+-[0-9a-z]{25}$/, "must be an id")
    .optional()
    .describe("Id of the user, key or host that did it"),
});

export const adminAuditQuery = auditQuery.extend({
  team_id: z
    .string()
    .optional()
    .describe("The log of this team, also of one that was deleted, with what was done to it"),
});
