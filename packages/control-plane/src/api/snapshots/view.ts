/** Rows of snapshots and checkpoints, and base templates, as clients see them. */
import { idFromUuid } from "@wrenn/protocol/ids";
import type { Checkpoint, Template } from "@wrenn/protocol/rest/snapshots";
import type { SnapshotRow } from "../../db/schema.ts";
import type { Template as AnyTemplate } from "../../snapshots/templates.ts";
import { toPhases, toTime, withoutNulls } from "../fields.ts";

export function snapshotToTemplate(row: SnapshotRow): Template {
  return {
    name: row.name,
    type: "snapshot",
    vcpus: row.vcpus,
    memory_mb: row.memoryMb,
    disk_size_mb: row.diskSizeMb,
    size_bytes: row.sizeBytes,
    created_at: toTime(row.createdAt),
    platform: row.shared,
    ...withoutNulls({ metadata: row.metadata, timings: row.timings && toPhases(row.timings) }),
  };
}

/** The shape of a base template is chosen with each capsule, and its files are shared with everything. */
export function toTemplate(template: AnyTemplate): Template {
  if (template.type === "snapshot") return snapshotToTemplate(template.row);
  const { name, type, createdAt } = template;
  return { name, type, size_bytes: 0, created_at: toTime(createdAt), platform: true };
}

export function toCheckpoint(row: SnapshotRow): Checkpoint {
  return {
    sandbox_id: idFromUuid("capsule", row.capsuleId),
    name: row.name,
    size_bytes: row.sizeBytes,
    created_at: toTime(row.createdAt),
    ...withoutNulls({ timings: row.timings && toPhases(row.timings) }),
  };
}
