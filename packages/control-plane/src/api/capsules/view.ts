/** A capsule's row as clients see it: wire ids, public statuses, whole seconds; what is absent is left out. */
import { idFromUuid } from "@wrenn/protocol/ids";
import type { Capsule } from "@wrenn/protocol/rest/capsules";
import { PUBLIC_STATUS } from "@wrenn/protocol/states";
import type { CapsuleRow } from "../../db/schema.ts";
import { toPhases, toTime, withoutNulls } from "../fields.ts";

/** A capsule that ended may have been paused before. */
function pauseOf(row: CapsuleRow) {
  if (row.state !== "paused") return {};
  return { paused_at: row.pausedAt && toTime(row.pausedAt), pause_reason: row.pauseReason };
}

export function toCapsule(row: CapsuleRow): Capsule {
  return {
    id: idFromUuid("capsule", row.id),
    status: PUBLIC_STATUS[row.state],
    template: row.template,
    vcpus: row.vcpus,
    memory_mb: row.memoryMb,
    disk_size_mb: row.diskSizeMb,
    timeout_sec: row.timeoutSec,
    auto_resume: row.autoResume,
    created_at: toTime(row.createdAt),
    last_updated: toTime(row.updatedAt),
    ...withoutNulls({
      guest_ip: row.guestIp,
      host_ip: row.hostIp,
      started_at: row.startedAt && toTime(row.startedAt),
      last_active_at: row.lastActiveAt && toTime(row.lastActiveAt),
      ...pauseOf(row),
      forked_from: row.forkedFrom && idFromUuid("capsule", row.forkedFrom),
      ended_at: row.endedAt && toTime(row.endedAt),
      end_reason: row.endReason,
      end_message: row.endMessage,
      metadata: row.metadata,
      timings: row.timings && toPhases(row.timings),
    }),
  };
}
