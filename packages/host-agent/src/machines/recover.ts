/**
 * What a starting host agent does with the machines it finds: living ones are adopted, half-done operations are rolled
 * back or finished, ends that nobody saw are recorded. What belongs to no machine is swept afterwards.
 */

import { GuestClient } from "../guest/client.ts";
import type { HostContext } from "../host.ts";
import { slotAddresses } from "../network/addresses.ts";
import { destroyMachine } from "./destroy.ts";
import { endMachine, watchEnd } from "./end.ts";
import type { MachineRecord } from "./record.ts";
import { releaseResources, runDirOf } from "./resources.ts";
import { sweep } from "./sweep.ts";

export async function recover(host: HostContext): Promise<void> {
  const { records, strays } = await host.journal.load();
  for (const record of records) {
    host.machines.put(record);
    await recoverOne(host, record).catch((error: unknown) => {
      host.logger.error({ id: record.id, err: error }, "cannot recover a capsule");
    });
  }
  await sweep(host, strays);
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
  }
}

async function adopt(host: HostContext, record: MachineRecord): Promise<void> {
  const { id, vmm, slot } = record;
  const location = { machineDir: host.journal.machineDir(id), runDir: runDirOf(host, id), name: id };
  try {
    if (vmm === undefined || slot === undefined) throw new Error("the journal names no VMM");
    const vm = await host.driver.attach({ process: vmm }, location);
    const addresses = slotAddresses(slot);
    host.machines.put(record, { vm, guest: new GuestClient(addresses.capsuleAddress), slot: addresses });
    watchEnd(host, id, vm);
    host.logger.info({ op: "adopt", id }, "adopted a running capsule");
  } catch (error) {
    host.logger.warn({ op: "adopt", id, err: error }, "a capsule ended while no host agent ran");
    await endMachine(host, record, undefined, { kind: "killed", message: "" });
  }
}
