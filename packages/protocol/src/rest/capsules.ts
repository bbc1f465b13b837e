/** REST schemas of capsules: they validate requests and answers and become the OpenAPI document. */
import { z } from "zod";
import { DEFAULT_TEMPLATE, LIMITS, NAME_PATTERN } from "../limits.ts";
import { END_REASONS, PAUSE_REASONS, PUBLIC_STATUS } from "../states.ts";
import { idOf, like, pageQuery } from "./common.ts";

const statuses = [...new Set(Object.values(PUBLIC_STATUS))];

export const templateName = like("python-with-numpy").regex(
  NAME_PATTERN,
  "must be 1 to 64 letters, digits, dots, underscores or hyphens, the first a letter or digit",
);

export const time = z.iso.datetime({ offset: true }).describe("RFC 3339, whole seconds");

/** Milliseconds of each phase of an operation, in order of time. */
export const phases = z.record(z.string(), z.number()).describe("Milliseconds of each phase, in order of time");

export const capsuleSchema = z
  .object({
    id: idOf("capsule"),
    status: z.enum(statuses).meta({ examples: ["running"] }),
    template: like("minimal"),
    vcpus: z.int().meta({ examples: [2] }),
    memory_mb: z.int().meta({ examples: [1024] }),
    disk_size_mb: z.int().meta({ examples: [5120] }),
    timeout_sec: z.int().meta({ examples: [300] }),
    auto_resume: z.boolean(),
    guest_ip: z.string().optional(),
    host_ip: z.string().optional(),
    created_at: time,
    started_at: time.optional(),
    last_active_at: time.optional(),
    last_updated: time,
    paused_at: time.optional(),
    pause_reason: z.enum(PAUSE_REASONS).optional().describe("Why the capsule is paused"),
    forked_from: z.string().optional().describe("The capsule that this one is a copy of"),
    ended_at: time.optional(),
    end_reason: z.enum(END_REASONS).optional().describe("Why the capsule ended"),
    end_message: z.string().optional(),
    metadata: z.record(z.string(), z.string()).optional(),
    timings: phases
      .optional()
      .describe("Milliseconds of each phase of the last create, pause, resume, fork or rollback"),
  })
  .meta({ id: "Capsule" });
export type Capsule = z.infer<typeof capsuleSchema>;

export const listCapsulesQuery = z.object({
  ...pageQuery,
  status: z
    .union([z.string(), z.array(z.string()).max(statuses.length)])
    .transform((given) => [given].flat().flatMap((list) => list.split(",")))
    .pipe(z.array(z.enum(statuses)))
    .optional()
    .describe(
      "Only those with one of these statuses, also those that ended: may be repeated, and several joined by commas",
    ),
  metadata: z
    .string()
    .max(4096)
    .transform((text) => Object.fromEntries(new URLSearchParams(text)))
    .optional()
    .describe("Only those with all of these entries, written as in a query: `a=1&b=2`, encoded"),
});

function bounded(limit: { min: number; max: number; default: number }) {
  return z.int().min(limit.min).max(limit.max).default(limit.default);
}

export const createCapsuleSchema = z
  .object({
    template: templateName
      .meta({ examples: [DEFAULT_TEMPLATE] })
      .default(DEFAULT_TEMPLATE)
      .describe("A base template, or a snapshot, whose vcpus and memory_mb then hold instead of these"),
    vcpus: bounded(LIMITS.vcpus),
    memory_mb: bounded(LIMITS.memoryMb).describe("MiB"),
    disk_size_mb: bounded(LIMITS.diskSizeMb).describe("MiB; a snapshot's disk can grow but not shrink"),
    timeout_sec: bounded(LIMITS.timeoutSec).describe("Idle seconds until the capsule is paused; 0 is never"),
    tags: z
      .array(z.string().max(64))
      .max(LIMITS.hostTags)
      .optional()
      .describe("Only a host that has all of these tags will do"),
    auto_resume: z.boolean().default(false).describe("A request that needs the capsule wakes it when it is paused"),
  })
  .meta({ id: "CreateCapsule" });
export type CreateCapsule = z.input<typeof createCapsuleSchema>;

export const resumeSchema = z
  .object({ timeout_sec: z.int().min(LIMITS.timeoutSec.min).max(LIMITS.timeoutSec.max).optional() })
  .meta({ id: "Resume" });
export type Resume = z.input<typeof resumeSchema>;

export const forkSchema = z
  .object({
    count: bounded(LIMITS.forkCount),
    timeout_sec: z
      .int()
      .min(LIMITS.timeoutSec.min)
      .max(LIMITS.timeoutSec.max)
      .optional()
      .describe("Idle seconds of the copies; the source's when absent"),
  })
  .meta({ id: "Fork" });
export type Fork = z.input<typeof forkSchema>;

export const forkResultSchema = z
  .object({ capsules: z.array(capsuleSchema), timings: phases })
  .meta({ id: "ForkResult" });
export type ForkResult = z.infer<typeof forkResultSchema>;

export const consoleSchema = z
  .object({
    sandbox_id: idOf("capsule"),
    console: like("Linux version 6.12\n").describe("The newest output of the guest's serial console"),
  })
  .meta({ id: "Console" });
export type Console = z.infer<typeof consoleSchema>;
