/** Pause: the row says `pausing` before the host is asked, so that nobody else begins; a pause that fails leaves the capsule running. */
import { WrennError } from "@wrenn/protocol/errors";
import { type Id, idToUuid } from "@wrenn/protocol/ids";
import { Phases } from "@wrenn/runtime/phases";
import type { CapsuleRow } from "../db/schema.ts";
import { getHost } from "../hosts/registry.ts";
import { pausedFields, timingsOf } from "./answers.ts";
import type { CapsuleDeps } from "./deps.ts";
import { keepMetrics } from "./metrics.ts";
import { getRunningCapsule } from "./read.ts";
import { destroyedMeanwhile, stepFailed } from "./settle.ts";
import { transition } from "./transition.ts";

/** @throws not_found, invalid_state unless it runs, host_unavailable, and what the host could not do */
export function pauseCapsule(deps: CapsuleDeps, teamId: string, id: Id<"capsule">): Promise<CapsuleRow> {
  return deps.operations.run(idToUuid(id), async () => {
    const phases = new Phases();
    const row = await beginPause(deps, await getRunningCapsule(deps.db, teamId, id));
    phases.mark("begin");
    const answer = await pauseMachine(deps, row, id);
    const paused = await transition(deps, row, "paused", pausedFields(timingsOf(phases, answer.phases)));
    if (paused === undefined) throw destroyedMeanwhile();
    await keepMetrics(deps, paused);
    return paused;
  });
}

/** @throws invalid_state when somebody else was first */
export async function beginPause(deps: CapsuleDeps, row: CapsuleRow): Promise<CapsuleRow> {
  const pausing = await transition(deps, row, "pause");
  if (pausing === undefined) throw new WrennError("invalid_state", "capsule is not running");
  return pausing;
}

async function pauseMachine(deps: CapsuleDeps, row: CapsuleRow, id: Id<"capsule">) {
  const host = await getHost(deps.db, row.hostId);
  try {
    return await deps.hosts.get(host).unary.pauseSandbox({ sandboxId: id });
  } catch (error) {
    throw await stepFailed(deps, row, error);
  }
}
