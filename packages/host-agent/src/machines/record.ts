/** What the journal knows of a machine: enough to find it, go on with it or remove every trace of it. */
import { randomBytes } from "node:crypto";
import { END_REASONS, PAUSE_REASONS, STATES } from "@wrenn/protocol/states";
import { z } from "zod";

export const recordSchema = z.object({
  version: z.literal(2),
  id: z.string(),
  state: z.enum(STATES),
  /** grows with every change of state; a change names the one it expects */
  incarnation: z.int(),
  /** base template that it descends from */
  template: z.string(),
  /** id of the template or snapshot it was created from, for its guest */
  templateId: z.string(),
  teamId: z.string(),
  vcpus: z.int(),
  memoryMb: z.int(),
  diskSizeMb: z.int(),
  /** idle seconds until it is paused, 0 is never */
  timeoutSec: z.int(),
  defaultUser: z.string(),
  defaultEnv: z.record(z.string(), z.string()),
  /** What opens its guest agent: its own from its create to its end. Agents older than tokens take any. */
  accessToken: z.string().default(newAccessToken),
  /** milliseconds since the epoch */
  createdAt: z.number(),
  /** Its lives. The snapshot folder that it runs from, or is paused in, has this number, and its guest can read it. */
  generation: z.int(),
  /** its own disk layers in its folder, newest first; none while it is paused */
  overlays: z.array(z.string()),
  /** what its VMM, cgroup, sockets and slot are named by; the id, but for a machine that was started before it had one */
  vmName: z.string(),
  slot: z.int().optional(),
  vmm: z.object({ pid: z.int(), startTime: z.string() }).optional(),
  pausedAt: z.number().optional(),
  pauseReason: z.enum(PAUSE_REASONS).optional(),
  metadata: z.record(z.string(), z.string()),
  endReason: z.enum(END_REASONS).optional(),
  endMessage: z.string().optional(),
  endedAt: z.number().optional(),
});

/** 256 bits that nobody guesses. */
export function newAccessToken(): string {
  return randomBytes(32).toString("hex");
}

export type MachineRecord = z.infer<typeof recordSchema>;

type OptionalField = "slot" | "vmm" | "pausedAt" | "pauseReason";

/** The record without the fields named: an absent value is not written at all. */
export function without(record: MachineRecord, ...fields: OptionalField[]): MachineRecord {
  return Object.fromEntries(
    Object.entries(record).filter(([name]) => !(fields as readonly string[]).includes(name)),
  ) as MachineRecord;
}
