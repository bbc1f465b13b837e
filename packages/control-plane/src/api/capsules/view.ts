/** A capsule's row as clients see it: wire ids, public statuses, whole seconds; what is absent is left out. */
import { idFromUuid } from "@wrenn/protocol/ids";
import type { Capsule } from "@wrenn/protocol/rest/capsules";
import { PUBLIC_STATUS } from "@wrenn/protocol/states";
import type { CapsuleRow } from "../../db/schema.ts";

/** RFC 3339 with whole seconds. */
export function toTime(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

type Present<T> = { [Key in keyof T]: Exclude<T[Key], null> };

function withoutNulls<T extends object>(fields: T): Partial<Present<T>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)) as Partial<Present<T>>;
}

export function toCapsule(row: CapsuleRow): Capsule {
  return {
    id: idFromUuid("capsule", row.id),
    status: PUBLIC_STATUS[row.state],
    template: row.template,
    vcpus: row.vcpus,
    memory_mb: row.memoryMb,
    timeout_sec: row.timeoutSec,
    created_at: toTime(row.createdAt),
    last_updated: toTime(row.updatedAt),
    ...withoutNulls({
      guest_ip: row.guestIp,
      host_ip: row.hostIp,
      started_at: row.startedAt && toTime(row.startedAt),
      last_active_at: row.lastActiveAt && toTime(row.lastActiveAt),
      ended_at: row.endedAt && toTime(row.endedAt),
      end_reason: row.endReason,
      end_message: row.endMessage,
      metadata: row.metadata,
      timings: row.timings && Object.fromEntries(row.timings),
    }),
  };
}
