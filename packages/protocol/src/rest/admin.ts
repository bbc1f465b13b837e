/** REST schemas of what administrators of the platform see and do. */
import { z } from "zod";
import { time } from "./capsules.ts";
import { idOf, like } from "./common.ts";
import { teamSchema } from "./teams.ts";

export const pageQuery = z.object({ page: z.coerce.number().int().min(1).max(1_000_000).default(1) });

const page = {
  total: z.int(),
  page: z.int(),
  per_page: z.int(),
  total_pages: z.int(),
};

const quota = z.int().min(0).max(1_000_000_000);

export const quotasSchema = z
  .strictObject({
    max_capsules: quota
      .meta({ examples: [50] })
      .nullish()
      .describe("Capsules that have not ended; paused ones count"),
    max_vcpus: quota.nullish().meta({ examples: [100] }),
    max_memory_mb: quota.nullish().describe("MiB"),
    max_disk_mb: quota.nullish().describe("MiB"),
    max_snapshots: quota.nullish(),
  })
  .meta({
    id: "TeamLimits",
    description: "What a team may hold at a time; what is absent or null has no limit of its own",
  });
export type Quotas = z.input<typeof quotasSchema>;

export const adminTeamSchema = teamSchema
  .extend({
    deleted_at: time.nullable(),
    member_count: z.int(),
    owner_name: like("Ada Lovelace"),
    owner_email: like("ada@example.com"),
    active_sandbox_count: z.int(),
    channel_count: z.int(),
    quotas: quotasSchema,
  })
  .meta({ id: "AdminTeam" });
export type AdminTeam = z.infer<typeof adminTeamSchema>;

export const adminTeamsSchema = z.object({ teams: z.array(adminTeamSchema), ...page }).meta({ id: "AdminTeams" });
export type AdminTeams = z.infer<typeof adminTeamsSchema>;

export const adminUserSchema = z
  .object({
    id: idOf("user"),
    email: like("ada@example.com"),
    name: like("Ada Lovelace"),
    is_admin: z.boolean(),
    status: z.enum(["active", "inactive", "disabled"]),
    created_at: time,
    teams_joined: z.int(),
    teams_owned: z.int(),
  })
  .meta({ id: "AdminUser" });
export type AdminUser = z.infer<typeof adminUserSchema>;

export const adminUsersSchema = z.object({ users: z.array(adminUserSchema), ...page }).meta({ id: "AdminUsers" });
export type AdminUsers = z.infer<typeof adminUsersSchema>;

export const setByocSchema = z
  .object({ enabled: z.literal(true, "must be true: hosts that a team brought cannot be taken from it") })
  .meta({ id: "SetByoc" });
export type SetByoc = z.input<typeof setByocSchema>;

export const setActiveSchema = z.object({ active: z.boolean() }).meta({ id: "SetActive" });
export type SetActive = z.input<typeof setActiveSchema>;

export const setAdminSchema = z.object({ admin: z.boolean() }).meta({ id: "SetAdmin" });
export type SetAdmin = z.input<typeof setAdminSchema>;

export const adminTemplateSchema = z
  .object({
    name: like("minimal"),
    type: z.enum(["base", "snapshot"]),
    vcpus: z.int().optional(),
    memory_mb: z.int().optional(),
    size_bytes: z.int(),
    team_id: idOf("team"),
    created_at: time,
  })
  .meta({ id: "AdminTemplate" });
export type AdminTemplate = z.infer<typeof adminTemplateSchema>;
