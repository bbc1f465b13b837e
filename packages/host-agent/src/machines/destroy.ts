/** Destroys a machine and every trace of it. Repeatable: a step that failed is tried again by the next call. */
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import { isEnded, nextState } from "@wrenn/protocol/states";
import { asDiskFull } from "../disk/overlay.ts";
import type { HostContext } from "../host.ts";
import { abandonCreates } from "./abandon.ts";
import { exclusively } from "./exclusive.ts";
import type { MachineRecord } from "./record.ts";
import { endVmm, releaseNetwork } from "./resources.ts";
import { operate, type Progress } from "./steps.ts";
import { killVmmsOf } from "./sweep.ts";

/** @throws internal_error when something could not be removed; the machine stays listed as stopping */
export async function destroyMachine(host: HostContext, id: string): Promise<void> {
  const body = async (progress: Progress<"destroy">) => {
    const machine = host.machines.find(id);
    if (machine === undefined) return destroyUnreadable(host, id);
    // A machine that ended has nothing left to stop; whatever else it left goes the same way.
    const record = isEnded(machine.record.state) ? machine.record : await stopping(host, machine.record);
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
    host.machines.remove(id);
    await progress.done("remove");
    host.logger.info({ op: "destroy", id, phases: progress.toRecord() }, "capsule destroyed");
  };
  abandonCreates(host, id);
  await operate(host, "destroy", (progress) => exclusively(host, id, () => body(progress)));
}

/** Whoever destroys machines to make room must not need any: a record that cannot be written says what the machine was. */
async function stopping(host: HostContext, record: MachineRecord): Promise<MachineRecord> {
  try {
    return await host.journal.transition(record, "stop");
  } catch (error) {
    if (!hasCode(asDiskFull(error), "disk_full")) throw error;
    return { ...record, state: nextState("stop", record.state) };
  }
}

/** What it held is no longer known, but its VMM carries its name; the sweeper finds the rest. */
async function destroyUnreadable(host: HostContext, id: string): Promise<void> {
  if (!host.unreadable.has(id)) return;
  await killVmmsOf(host, id);
  await host.journal.remove(id);
  host.unreadable.delete(id);
}
