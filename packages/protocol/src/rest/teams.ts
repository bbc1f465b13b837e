/** REST schemas of teams: who is in them, and who is asked to be. */
import { z } from "zod";
import { ROLES } from "../access.ts";
import { time } from "./capsules.ts";
import { idOf, like } from "./common.ts";

const teamName = like("Analytical Engines").regex(
  /^(?=.*[^ ])[A-Za-z0-9 _\-@']{1,128}$/,
  "must be 1 to 128 letters, digits, blanks and characters of _-@', and not blank",
);

/** Trimmed and in lower case: what users are known by. */
const emailAddress = like("ada@example.com").trim().toLowerCase().max(254).pipe(z.email("must be an e-mail address"));

export const teamSchema = z
  .object({
    id: idOf("team"),
    name: like("Analytical Engines"),
    slug: like("analytical-engines"),
    is_byoc: z.boolean().describe("Whether it brings hosts of its own"),
    created_at: time,
  })
  .meta({ id: "Team" });
export type Team = z.infer<typeof teamSchema>;

export const ownTeamSchema = teamSchema.extend({ role: z.enum(ROLES).describe("Yours in it") }).meta({ id: "OwnTeam" });
export type OwnTeam = z.infer<typeof ownTeamSchema>;

export const memberSchema = z
  .object({
    user_id: idOf("user"),
    name: like("Ada Lovelace"),
    email: like("ada@example.com"),
    role: z.enum(ROLES),
    joined_at: time,
  })
  .meta({ id: "Member" });
export type Member = z.infer<typeof memberSchema>;

export const teamDetailSchema = z
  .object({ team: teamSchema, members: z.array(memberSchema) })
  .meta({ id: "TeamDetail" });
export type TeamDetail = z.infer<typeof teamDetailSchema>;

export const nameTeamSchema = z.object({ name: teamName }).meta({ id: "NameTeam" });
export type NameTeam = z.input<typeof nameTeamSchema>;

/** Roles that are given; the owner's is handed over. */
const givenRole = z.enum(["admin", "member"]);

export const inviteSchema = z.object({ email: emailAddress, role: givenRole.default("member") }).meta({ id: "Invite" });
export type Invite = z.input<typeof inviteSchema>;

export const setRoleSchema = z.object({ role: givenRole }).meta({ id: "SetRole" });
export type SetRole = z.input<typeof setRoleSchema>;

export const transferSchema = z
  .object({ user_id: idOf("user").describe("A member, who becomes the owner") })
  .meta({ id: "Transfer" });
export type Transfer = z.input<typeof transferSchema>;

export const invitationSchema = z
  .object({
    id: idOf("invitation"),
    status: z.literal("invited").describe("Whether anybody has the address is not said"),
    email: like("ada@example.com"),
    role: givenRole,
    created_at: time,
    expires_at: time,
  })
  .meta({ id: "Invitation" });
export type Invitation = z.infer<typeof invitationSchema>;

export const ownInvitationSchema = z
  .object({
    id: idOf("invitation"),
    team_id: idOf("team"),
    team_name: like("Analytical Engines"),
    invited_by: like("Ada Lovelace").optional().describe("Name of who asks"),
    role: givenRole,
    created_at: time,
    expires_at: time,
  })
  .meta({ id: "OwnInvitation" });
export type OwnInvitation = z.infer<typeof ownInvitationSchema>;
