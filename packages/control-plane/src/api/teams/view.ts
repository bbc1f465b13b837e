/** Teams, members and invitations as clients see them. */
import { idFromUuid } from "@wrenn/protocol/ids";
import type { Invitation, Member, OwnInvitation, Team } from "@wrenn/protocol/rest/teams";
import type { InvitationRow, TeamRow } from "../../db/schema.ts";
import type { OwnInvitation as OwnInvitationRow } from "../../teams/invitations.ts";
import type { GivenRole } from "../../teams/members.ts";
import type { Member as MemberRow } from "../../teams/read.ts";
import { toTime, withoutNulls } from "../fields.ts";

export function toTeam({ id, name, slug, isByoc, createdAt }: TeamRow): Team {
  return { id: idFromUuid("team", id), name, slug, is_byoc: isByoc, created_at: toTime(createdAt) };
}

export function toMember({ membership, user }: MemberRow): Member {
  return {
    user_id: idFromUuid("user", user.id),
    name: user.name,
    email: user.email,
    role: membership.role,
    joined_at: toTime(membership.joinedAt),
  };
}

/** What is the same for who asks and for who is asked. */
function fields({ id, role, createdAt, expiresAt }: InvitationRow) {
  return {
    id: idFromUuid("invitation", id),
    // A check of the table lets in no other.
    role: role as GivenRole,
    created_at: toTime(createdAt),
    expires_at: toTime(expiresAt),
  };
}

export function toInvitation(row: InvitationRow): Invitation {
  return { ...fields(row), status: "invited", email: row.email };
}

export function toOwnInvitation({ invitation, teamName, invitedBy }: OwnInvitationRow): OwnInvitation {
  return {
    ...fields(invitation),
    team_id: idFromUuid("team", invitation.teamId),
    team_name: teamName,
    ...withoutNulls({ invited_by: invitedBy }),
  };
}
