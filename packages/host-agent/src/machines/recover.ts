/**
 * What a starting host agent does with the machines it finds: living ones are adopted, half-done operations are rolled
 * back or finished, ends that nobody saw are recorded. What belongs to no machine is swept afterwards.
 */
import { isAlive } from "@wrenn/runtime/process-identity";
import { GuestClient } from "../guest/client.ts";
import type { HostContext } from "../host.ts";
import { slotAddresses } from "../network/addresses.ts";
import { destroyMachine } from "./destroy.ts";
import { endMachine, releaseEnded, watchEnd } from "./end.ts";
import type { MachineRecord } from "./record.ts";
import { releaseResources, runDirOf } from "./resources.ts";
import { sweep } from "./sweep.ts";

const ATTACH_AGAIN_MS = 2000;

export async function recover(host: HostContext): Promise<void> {
  const { records, ...leftovers } = await host.journal.load();
  for (const name of leftovers.unreadable) {
    host.logger.error({ op: "recover", id: name }, "a capsule's record cannot be read; the capsule is left as it is");
  }
  for (const record of records) {
    host.machines.put(record);
    await recoverOne(host, record).catch((error: unknown) => {
      host.logger.error({ op: "recover", id: record.id, err: error }, "cannot recover a capsule");
    });
  }
  await sweep(host, leftovers);
}

async function recoverOne(host: HostContext, record: MachineRecord): Promise<void> {
  switch (record.state) {
    case "running":
      return adopt(host, record);
    case "starting":
      // Nobody was told that it runs, so nobody misses it.
      await releaseResources(host, record, undefined);
      await host.journal.remove(record.id);
      host.machines.remove(record.id);
      host.logger.info({ op: "recover", id: record.id }, "rolled back a create that was cut off");
      return;
    case "stopping":
      return destroyMachine(host, record.id);
    default:
      return releaseEnded(host, record, undefined);
  }
}

/** A VMM that lives but does not answer yet is busy, not dead: its capsule stays, and is asked again. */
async function adopt(host: HostContext, record: MachineRecord): Promise<void> {
  const { id, vmm, slot } = record;
  if (vmm === undefined || slot === undefined || !isAlive(vmm)) {
    host.logger.warn({ op: "adopt", id }, "a capsule ended while no host agent ran");
    return endMachine(host, record, undefined, { kind: "killed", message: "" });
  }
  try {
    const location = { machineDir: host.journal.machineDir(id), runDir: runDirOf(host, id), name: id };
    const vm = await host.driver.attach({ process: vmm }, location);
    const addresses = slotAddresses(slot);
    host.machines.put(record, { vm, guest: new GuestClient(addresses.capsuleAddress), slot: addresses });
    watchEnd(host, id, vm);
    host.logger.info({ op: "adopt", id }, "adopted a running capsule");
  } catch (error) {
    host.logger.warn({ op: "adopt", id, err: error }, "a capsule's VMM does not answer yet; trying again");
    setTimeout(() => void adoptAgain(host, id), ATTACH_AGAIN_MS).unref();
  }
}

function adoptAgain(host: HostContext, id: string): Promise<void> {
  return host.locks.run(id, async () => {
    const machine = host.machines.find(id);
    if (machine?.record.state === "running" && machine.live === undefined) await adopt(host, machine.record);
  });
}
