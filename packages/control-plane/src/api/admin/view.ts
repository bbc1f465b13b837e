/** Teams and users as administrators of the platform see them. */
import { idFromUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import type { AdminTeam, AdminTemplate, AdminUser } from "@wrenn/protocol/rest/admin";
import type { TeamRow } from "../../db/schema.ts";
import type { Template } from "../../snapshots/templates.ts";
import { type ListedTeam, type ListedUser, PER_PAGE } from "../../teams/page.ts";
import { toTime, withoutNulls } from "../fields.ts";
import { toTeam } from "../teams/view.ts";

export function pageFields(page: number, total: number) {
  return { total, page, per_page: PER_PAGE, total_pages: Math.ceil(total / PER_PAGE) };
}

function quotasOf({ maxCapsules, maxVcpus, maxMemoryMb, maxDiskMb, maxSnapshots }: TeamRow) {
  return withoutNulls({
    max_capsules: maxCapsules,
    max_vcpus: maxVcpus,
    max_memory_mb: maxMemoryMb,
    max_disk_mb: maxDiskMb,
    max_snapshots: maxSnapshots,
  });
}

export function toAdminTeam({ team, ...listed }: ListedTeam): AdminTeam {
  return {
    ...toTeam(team),
    deleted_at: team.deletedAt && toTime(team.deletedAt),
    member_count: listed.memberCount,
    owner_name: listed.ownerName ?? "",
    owner_email: listed.ownerEmail ?? "",
    active_sandbox_count: listed.capsuleCount,
    channel_count: listed.channelCount,
    quotas: quotasOf(team),
  };
}

export function toAdminUser({ user, teamsJoined, teamsOwned }: ListedUser): AdminUser {
  return {
    id: idFromUuid("user", user.id),
    email: user.email,
    name: user.name,
    is_admin: user.isAdmin,
    // Deleted ones are not listed.
    status: user.status as AdminUser["status"],
    created_at: toTime(user.createdAt),
    teams_joined: teamsJoined,
    teams_owned: teamsOwned,
  };
}

export function toAdminTemplate(template: Template): AdminTemplate {
  const created = { created_at: toTime(template.createdAt) };
  if (template.type === "base") {
    return { name: template.name, type: "base", size_bytes: 0, team_id: PLATFORM_TEAM, ...created };
  }
  const { name, vcpus, memoryMb, sizeBytes, teamId } = template.row;
  const size = { vcpus, memory_mb: memoryMb, size_bytes: sizeBytes };
  return { name, type: "snapshot", ...size, team_id: idFromUuid("team", teamId), ...created };
}
