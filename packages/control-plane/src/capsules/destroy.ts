/** Destroy: idempotent. A host that does not answer leaves the row in `stopping`, and the reconciler finishes it. */
import { type Id, idFromUuid, idToUuid } from "@wrenn/protocol/ids";
import type { CapsuleRow } from "../db/schema.ts";
import { hostError } from "../hosts/errors.ts";
import { getHost } from "../hosts/registry.ts";
import { dropCheckpoints, finishOrLeave } from "../snapshots/delete.ts";
import type { CapsuleDeps } from "./deps.ts";
import { keepMetrics } from "./metrics.ts";
import { getCapsule } from "./read.ts";
import { transition } from "./transition.ts";

/** @throws not_found; host_unavailable when the machine could not be destroyed yet */
export function destroyCapsule(deps: CapsuleDeps, teamId: string, id: Id<"capsule">): Promise<void> {
  return deps.operations.run(idToUuid(id), async () => {
    for (;;) {
      const row = await getCapsule(deps.db, teamId, id);
      if (row.state === "stopped") return;
      const stopping = await transition(deps, row, "stop", { endReason: row.endReason ?? "request" });
      if (stopping !== undefined) return finishStopping(deps, stopping);
      // Someone else moved it between the read and the swap: look again.
    }
  });
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
