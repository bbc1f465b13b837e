/** What the journal knows of a machine: enough to find it, go on with it or remove every trace of it. */
import { END_REASONS, STATES } from "@wrenn/protocol/states";
import { z } from "zod";

export const recordSchema = z.object({
  version: z.literal(1),
  id: z.string(),
  state: z.enum(STATES),
  /** grows with every change of state; a change names the one it expects */
  incarnation: z.int(),
  template: z.string(),
  templateId: z.string(),
  teamId: z.string(),
  vcpus: z.int(),
  memoryMb: z.int(),
  timeoutSec: z.int(),
  /** milliseconds since the epoch */
  createdAt: z.number(),
  slot: z.int().optional(),
  vmm: z.object({ pid: z.int(), startTime: z.string() }).optional(),
  /** counts restores; the guest can read it */
  generation: z.int(),
  metadata: z.record(z.string(), z.string()),
  endReason: z.enum(END_REASONS).optional(),
  endMessage: z.string().optional(),
});

export type MachineRecord = z.infer<typeof recordSchema>;
