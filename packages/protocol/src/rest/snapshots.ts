/** REST schemas of snapshots and checkpoints. A snapshot is a template: capsules are created from it by its name. */
import { z } from "zod";
import { phases, templateName, time } from "./capsules.ts";
import { idOf, like } from "./common.ts";

export const TEMPLATE_TYPES = ["base", "snapshot"] as const;

export const templateSchema = z
  .object({
    name: like("python-with-numpy"),
    type: z.enum(TEMPLATE_TYPES).meta({ examples: ["snapshot"] }),
    vcpus: z.int().optional(),
    memory_mb: z.int().optional(),
    disk_size_mb: z.int().optional(),
    size_bytes: z
      .int()
      .meta({ examples: [104_857_600] })
      .describe("Allocated bytes that only this template uses"),
    created_at: time,
    platform: z.boolean().describe("Whether every team can use it"),
    metadata: z.record(z.string(), z.string()).optional(),
    timings: phases.optional(),
  })
  .meta({ id: "Template" });
export type Template = z.infer<typeof templateSchema>;

export const createSnapshotSchema = z
  .object({
    sandbox_id: idOf("capsule"),
    name: templateName.optional().describe("`template-` and 8 hexadecimal digits when absent"),
    pause: z.boolean().default(false).describe("Leave the capsule paused; otherwise it goes on running"),
  })
  .meta({ id: "CreateSnapshot" });
export type CreateSnapshot = z.input<typeof createSnapshotSchema>;

export const offerCapsuleSchema = z
  .object({ name: templateName.optional().describe("`template-` and 8 hexadecimal digits when absent") })
  .meta({ id: "OfferCapsule" });

export const checkpointSchema = z
  .object({
    sandbox_id: idOf("capsule"),
    name: like("before-upgrade"),
    size_bytes: z
      .int()
      .meta({ examples: [104_857_600] })
      .describe("Allocated bytes that only this checkpoint uses"),
    created_at: time,
    timings: phases.optional(),
  })
  .meta({ id: "Checkpoint" });
export type Checkpoint = z.infer<typeof checkpointSchema>;

export const createCheckpointSchema = z
  .object({ name: templateName.optional().describe("`checkpoint-` and 8 hexadecimal digits when absent") })
  .meta({ id: "CreateCheckpoint" });
export type CreateCheckpoint = z.input<typeof createCheckpointSchema>;

export const rollbackSchema = z.object({ checkpoint: templateName }).meta({ id: "Rollback" });
export type Rollback = z.input<typeof rollbackSchema>;
