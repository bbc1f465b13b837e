/** Resume: on the host that has its files, once there is memory for it; a resume that fails leaves the capsule paused. */
import { WrennError } from "@wrenn/protocol/errors";
import { type Id, idToUuid } from "@wrenn/protocol/ids";
import type { Action } from "@wrenn/protocol/states";
import { Phases } from "@wrenn/runtime/phases";
import type { CapsuleRow } from "../db/schema.ts";
import { getHost } from "../hosts/registry.ts";
import { reserving } from "../placement/load.ts";
import { admit } from "../placement/place.ts";
import { requireQuota } from "../quotas/quotas.ts";
import { startedFields, timingsOf } from "./answers.ts";
import { demandOf } from "./create.ts";
import type { CapsuleDeps } from "./deps.ts";
import { getCapsule } from "./read.ts";
import { destroyedMeanwhile, stepFailed } from "./settle.ts";
import { transition } from "./transition.ts";

/**
 * @param timeoutSec idle seconds from now on; what it was when absent
 * @throws not_found, invalid_state unless it is paused, quota_exceeded, no_hosts_available, host_unavailable, and what the host could not do
 */
export function resumeCapsule(
  deps: CapsuleDeps,
  teamId: string,
  id: Id<"capsule">,
  timeoutSec?: number,
): Promise<CapsuleRow> {
  return deps.operations.run(idToUuid(id), async () => {
    const phases = new Phases();
    const seen = await getCapsule(deps.db, teamId, id);
    const row = seen.state === "paused" ? await reserveAgain(deps, seen, "resume") : undefined;
    if (row === undefined) throw new WrennError("invalid_state", "capsule is not paused");
    phases.mark("place");
    const machine = await resumeMachine(deps, row, id, timeoutSec);
    const started = await transition(deps, row, "started", {
      ...startedFields(machine, timingsOf(phases, machine.phases)),
      ...(timeoutSec === undefined ? {} : { timeoutSec }),
    });
    if (started === undefined) throw destroyedMeanwhile();
    return started;
  });
}

/**
 * A paused capsule holds no memory: it takes the step and its memory together. Returns undefined when somebody else was first.
 * @throws quota_exceeded, no_hosts_available, host_unavailable; then it stays paused
 */
export function reserveAgain(
  { db, logger, placement, quotas }: CapsuleDeps,
  row: CapsuleRow,
  action: Action,
): Promise<CapsuleRow | undefined> {
  return reserving(db, async (tx, hosts) => {
    await requireQuota(tx, quotas, row.teamId, { vcpus: row.vcpus, memoryMb: row.memoryMb });
    // Its disk is reserved as long as it exists.
    admit(row.hostId, { ...demandOf(row), diskMb: 0 }, hosts, placement);
    return transition({ db: { queries: tx }, logger }, row, action);
  });
}

async function resumeMachine(deps: CapsuleDeps, row: CapsuleRow, sandboxId: string, timeoutSec: number | undefined) {
  const host = await getHost(deps.db, row.hostId);
  try {
    const { unary } = deps.hosts.get(host);
    return await unary.resumeSandbox({ sandboxId, ...(timeoutSec === undefined ? {} : { timeoutSec }) });
  } catch (error) {
    throw await stepFailed(deps, row, error);
  }
}
