/** Rollback: the capsule is again what it was at a checkpoint, and runs. One that fails leaves what its host says. */
import { WrennError } from "@wrenn/protocol/errors";
import { type Id, idToUuid } from "@wrenn/protocol/ids";
import { Phases } from "@wrenn/runtime/phases";
import type { CapsuleRow } from "../db/schema.ts";
import { getHost } from "../hosts/registry.ts";
import { getCheckpoint } from "../snapshots/read.ts";
import { startedFields, timingsOf } from "./answers.ts";
import type { CapsuleDeps } from "./deps.ts";
import { getCapsule, requireSavable } from "./read.ts";
import { reserveAgain } from "./resume.ts";
import { destroyedMeanwhile, stepFailed } from "./settle.ts";
import { transition } from "./transition.ts";

/**
 * @throws not_found for the capsule or the checkpoint; invalid_state unless the capsule runs or is paused;
 * quota_exceeded, no_hosts_available, host_unavailable, and what the host could not do
 */
export function rollbackCapsule(
  deps: CapsuleDeps,
  teamId: string,
  id: Id<"capsule">,
  checkpoint: string,
): Promise<CapsuleRow> {
  return deps.operations.run(idToUuid(id), async () => {
    const phases = new Phases();
    const seen = await getCapsule(deps.db, teamId, id);
    const { id: snapshotId, state } = await getCheckpoint(deps.db, seen.id, checkpoint);
    if (state !== "ready") throw new WrennError("invalid_state", `checkpoint "${checkpoint}" is ${state}`);
    requireSavable(seen);
    const row = seen.state === "paused" ? await reserveAgain(deps, seen, "rollback") : await begin(deps, seen);
    if (row === undefined) throw new WrennError("invalid_state", "the capsule is being changed by another request");
    phases.mark("place");
    const machine = await rollbackMachine(deps, row, id, snapshotId);
    const started = await transition(deps, row, "started", startedFields(machine, timingsOf(phases, machine.phases)));
    if (started === undefined) throw destroyedMeanwhile();
    return started;
  });
}

/** One that runs has its memory already. */
function begin(deps: CapsuleDeps, row: CapsuleRow): Promise<CapsuleRow | undefined> {
  return transition(deps, row, "rollback");
}

async function rollbackMachine(deps: CapsuleDeps, row: CapsuleRow, sandboxId: string, snapshotId: string) {
  const host = await getHost(deps.db, row.hostId);
  try {
    return await deps.hosts.get(host).unary.rollbackSandbox({ sandboxId, snapshotId });
  } catch (error) {
    throw await stepFailed(deps, row, error);
  }
}
