/** Destroys a machine and every trace of it. Repeatable: a step that failed is tried again by the next call. */
import { WrennError } from "@wrenn/protocol/errors";
import { isEnded } from "@wrenn/protocol/states";
import type { HostContext } from "../host.ts";
import { exclusively } from "./exclusive.ts";
import { endVmm, releaseNetwork } from "./resources.ts";
import { operate, type Progress } from "./steps.ts";

/** @throws internal_error when something could not be removed; the machine stays listed as stopping */
export async function destroyMachine(host: HostContext, id: string): Promise<void> {
  const body = async (progress: Progress<"destroy">) => {
    const machine = host.machines.find(id);
    if (machine === undefined) return;
    // A machine that ended has nothing left to stop; whatever else it left goes the same way.
    const record = isEnded(machine.record.state)
      ? machine.record
      : await host.journal.transition(machine.record, "stop");
    host.machines.put(record, machine.live);
    progress.vmm = machine.live?.vm.process;
    try {
      await progress.done("journal");
      await endVmm(host, record, machine.live);
      await progress.done("vmm_end");
      await releaseNetwork(host, record);
      await progress.done("release");
    } catch (error) {
      host.logger.error({ op: "destroy", id, err: error }, "a capsule could not be removed completely");
      throw new WrennError("internal_error", `capsule ${id} could not be removed completely`, { cause: error });
    }
    await host.journal.remove(id);
    await progress.done("remove");
    host.machines.remove(id);
    host.logger.info({ op: "destroy", id, phases: progress.toRecord() }, "capsule destroyed");
  };
  await operate(host, "destroy", (progress) => exclusively(host, id, () => body(progress)));
}
