/** What the host's answer to a step changes in a capsule's row. */
import type { Phase } from "@wrenn/protocol/gen/hostagent_pb";
import type { Phases } from "@wrenn/runtime/phases";
import type { CapsuleRow, Timings } from "../db/schema.ts";

/** The phases of this process, those of the host, and the time of all. */
export function timingsOf(phases: Phases, ofHost: readonly Phase[]): Timings {
  const { total = 0, ...own } = phases.toRecord();
  return [...Object.entries(own), ...ofHost.map(({ name, ms }): [string, number] => [name, ms]), ["total", total]];
}

interface StartedMachine {
  readonly hostIp: string;
  readonly metadata: Record<string, string>;
}

/** A machine that begins to run: created, resumed, forked or rolled back. */
export function startedFields({ hostIp, metadata }: StartedMachine, timings: Timings) {
  const now = new Date();
  return {
    hostIp: hostIp || null,
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
    timings,
    startedAt: now,
    lastActiveAt: now,
  } satisfies Partial<CapsuleRow>;
}

export function pausedFields(timings: Timings) {
  return { pausedAt: new Date(), pauseReason: "request", timings } satisfies Partial<CapsuleRow>;
}
