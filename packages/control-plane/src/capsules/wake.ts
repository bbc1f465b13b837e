/** Auto-resume: a request that needs a capsule wakes it, once for all who ask at the same time, and waits for it. */
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import type { Id } from "@wrenn/protocol/ids";
import type { State } from "@wrenn/protocol/states";
import { waitFor } from "@wrenn/runtime/wait";
import type { CapsuleRow } from "../db/schema.ts";
import type { CapsuleDeps } from "./deps.ts";
import { getCapsule } from "./read.ts";
import { resumeCapsule } from "./resume.ts";
import { followHost } from "./settle.ts";

const POLL_MS = 50;

const WAKEABLE: readonly State[] = ["pausing", "paused", "resuming"];

/**
 * Calls `use` with the capsule running, waking it when it may be woken. `use` must have done nothing when it fails with
 * invalid_state: its host may have paused the capsule a moment ago, and then it is woken and tried again.
 * @param signal the client's: a wake that it began goes on without it
 * @throws not_found, invalid_state unless it runs or can be woken, host_unavailable when the wait is over, connection_lost when
 * the client leaves, and what resume throws
 */
export async function useCapsule<T>(
  deps: CapsuleDeps,
  teamId: string,
  id: Id<"capsule">,
  signal: AbortSignal,
  use: (row: CapsuleRow) => Promise<T>,
): Promise<T> {
  const deadline = Date.now() + deps.wakes.timeoutMs;
  for (;;) {
    const row = await usableCapsule(deps, teamId, id, signal);
    try {
      return await use(row);
    } catch (error) {
      if (signal.aborted) throw clientLeft(error);
      if (!row.autoResume || !hasCode(error, "invalid_state") || Date.now() >= deadline) throw error;
      await followHost(deps, row);
      await sleep(POLL_MS);
    }
  }
}

async function usableCapsule(
  deps: CapsuleDeps,
  teamId: string,
  id: Id<"capsule">,
  signal: AbortSignal,
): Promise<CapsuleRow> {
  const row = await getCapsule(deps.db, teamId, id);
  if (row.state === "running") return row;
  if (!row.autoResume || !WAKEABLE.includes(row.state)) throw notRunning();
  const flight = deps.wakes.flights.run(row.id, () => wake(deps, teamId, id));
  const awake = await whileWaiting(flight, deps.wakes.timeoutMs, signal);
  if (awake !== undefined) return awake;
  const seconds = Math.round(deps.wakes.timeoutMs / 1000);
  throw new WrennError("host_unavailable", `the capsule did not wake within ${seconds} s: try again in a moment`);
}

/** Nothing failed when nobody waits for it any more. */
export function clientLeft(cause?: unknown): WrennError {
  return new WrennError("connection_lost", "the client left", { cause });
}

function notRunning(): WrennError {
  return new WrennError("invalid_state", "capsule is not running");
}

/** The result of the flight, which goes on without this caller; undefined when its time is over. @throws connection_lost */
async function whileWaiting<T>(flight: Promise<T>, timeoutMs: number, signal: AbortSignal): Promise<T | undefined> {
  const landed = new AbortController();
  const patience = sleep(timeoutMs, undefined, { signal: AbortSignal.any([signal, landed.signal]) }).catch(() => {
    if (signal.aborted) throw clientLeft();
    return undefined;
  });
  try {
    return await Promise.race([flight, patience]);
  } finally {
    landed.abort();
  }
}

/** The capsule as soon as it runs; undefined when the time is over. */
function wake(deps: CapsuleDeps, teamId: string, id: Id<"capsule">): Promise<CapsuleRow | undefined> {
  const look = async () => {
    const row = await getCapsule(deps.db, teamId, id);
    if (row.state === "running") return row;
    if (!WAKEABLE.includes(row.state)) throw notRunning();
    // Whoever works on it now brings it to an end first.
    if (row.state !== "paused" || deps.operations.has(row.id)) return undefined;
    try {
      return await resumeCapsule(deps, teamId, id);
    } catch (error) {
      // Somebody else resumed or destroyed it first: look again. One that is still paused cannot be woken.
      if (hasCode(error, "invalid_state") && (await getCapsule(deps.db, teamId, id)).state !== "paused")
        return undefined;
      throw error;
    }
  };
  return waitFor(look, { timeoutMs: deps.wakes.timeoutMs, intervalMs: POLL_MS });
}
