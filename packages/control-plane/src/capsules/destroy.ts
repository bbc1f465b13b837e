/**
 * Destroy: idempotent. A host that does not answer leaves the row in `stopping`, and the reconciler finishes it. To clients the
 * capsule is stopped from then on, so that nobody waits long for a host that has to do something else with it first.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Id, idFromUuid, idToUuid } from "@wrenn/protocol/ids";
import type { CapsuleRow } from "../db/schema.ts";
import { hostError } from "../hosts/errors.ts";
import { getHost } from "../hosts/registry.ts";
import { dropCheckpoints, finishOrLeave } from "../snapshots/delete.ts";
import type { CapsuleDeps } from "./deps.ts";
import { keepMetrics } from "./metrics.ts";
import { getCapsule } from "./read.ts";
import { transition } from "./transition.ts";

/** How long a caller is kept waiting for the host; clients give up after 5 s. */
const PATIENCE_MS = 3000;
/** How long this process tries; then the reconciler does. */
const GIVE_UP_MS = 120_000;

/** @throws not_found; host_unavailable when the machine could not be destroyed yet */
export async function destroyCapsule(deps: CapsuleDeps, teamId: string, id: Id<"capsule">): Promise<void> {
  const uuid = idToUuid(id);
  const ending = await deps.operations.run(uuid, async () => {
    const stopping = await markStopping(deps, teamId, id);
    if (stopping === undefined) return undefined;
    // Begun before the mark is let go of: no reconciler finds it stopping with nobody at work.
    return {
      finished: deps.operations.run(uuid, () => finishStopping(deps, stopping, AbortSignal.timeout(GIVE_UP_MS))),
    };
  });
  if (ending !== undefined) await waitAWhile(deps, id, ending.finished);
}

/** Undefined when it is stopped already. */
async function markStopping(deps: CapsuleDeps, teamId: string, id: Id<"capsule">): Promise<CapsuleRow | undefined> {
  for (;;) {
    const row = await getCapsule(deps.db, teamId, id);
    if (row.state === "stopped") return undefined;
    const stopping = await transition(deps, row, "stop", { endReason: row.endReason ?? "request" });
    if (stopping !== undefined) return stopping;
    // Someone else moved it between the read and the swap: look again.
  }
}

/** What takes longer goes on, and the reconciler does what it does not. */
async function waitAWhile({ logger }: CapsuleDeps, capsule: Id<"capsule">, finished: Promise<void>): Promise<void> {
  const answered = new AbortController();
  const late = sleep(PATIENCE_MS, "late" as const, { signal: answered.signal }).catch(() => undefined);
  try {
    if ((await Promise.race([finished, late])) !== "late") return;
    finished.catch((err: unknown) => logger.warn({ event: "destroy_left", capsule, err }));
  } finally {
    answered.abort();
  }
}

/**
 * Removes the machine of a capsule that is stopping, then the capsule is stopped, then its checkpoints go; those that
 * cannot go now are left to the reconciler. Losing the last swap to another caller is fine.
 */
export async function finishStopping(deps: CapsuleDeps, row: CapsuleRow, signal?: AbortSignal): Promise<void> {
  const checkpoints = await dropCheckpoints(deps, row.id);
  await keepMetrics(deps, row);
  await destroyMachine(deps, row.hostId, idFromUuid("capsule", row.id), signal);
  await transition(deps, row, "stopped", { endedAt: row.endedAt ?? new Date() });
  for (const checkpoint of checkpoints) await finishOrLeave(deps, checkpoint, signal);
}

/** Tells a host to remove a machine; one that it does not know is removed already. */
export async function destroyMachine(
  deps: CapsuleDeps,
  hostId: string,
  sandboxId: string,
  signal?: AbortSignal,
): Promise<void> {
  const host = await getHost(deps.db, hostId);
  try {
    await deps.hosts.get(host).unary.destroySandbox({ sandboxId }, signal === undefined ? {} : { signal });
  } catch (error) {
    throw hostError(error);
  }
}
