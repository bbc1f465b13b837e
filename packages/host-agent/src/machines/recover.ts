/**
 * What a starting host agent does with the machines it finds: living ones are adopted, half-done operations are rolled
 * back or finished, ends that nobody saw are recorded. What belongs to no machine is swept afterwards.
 */
import { stat } from "node:fs/promises";
import { isAlive } from "@wrenn/runtime/process-identity";
import { GuestClient } from "../guest/client.ts";
import type { HostContext } from "../host.ts";
import { slotAddresses } from "../network/addresses.ts";
import { noteAgentRevision, notedRevision } from "./agent-revision.ts";
import { destroyMachine } from "./destroy.ts";
import { endMachine, releaseEnded, watchEnd } from "./end.ts";
import { exclusively } from "./exclusive.ts";
import { scheduleFlatten } from "./flatten.ts";
import { settleOverlays } from "./overlays.ts";
import { releasePaused } from "./pausing.ts";
import { type MachineRecord, without } from "./record.ts";
import type { LiveParts } from "./registry.ts";
import { releaseResources, runDirOf } from "./resources.ts";
import { isPublished, tidyMachine } from "./saved.ts";
import { UNOBSERVED } from "./steps.ts";
import { killVmmsOf, sweep } from "./sweep.ts";

const AGAIN_MS = 2000;
const INIT_TIMEOUT_MS = 5000;

export async function recover(host: HostContext): Promise<void> {
  const { records, ...leftovers } = await host.journal.load();
  for (const name of leftovers.unreadable) {
    host.unreadable.add(name);
    host.logger.error({ op: "recover", id: name }, "a capsule's record cannot be read; the capsule is left as it is");
  }
  for (const record of records) {
    host.machines.put(record, undefined, await lastUse(host, record));
    await recoverUntilDone(host, record.id);
  }
  await sweep(host, leftovers);
}

/** What cannot be done now, such as asking a VMM that is too busy to answer, is tried again. */
async function recoverUntilDone(host: HostContext, id: string): Promise<void> {
  try {
    await exclusively(host, id, async () => {
      const machine = host.machines.find(id);
      if (machine !== undefined && machine.live === undefined) await recoverOne(host, machine.record);
    });
  } catch (error) {
    host.logger.warn({ op: "recover", id, err: error }, "cannot recover a capsule yet; trying again");
    setTimeout(() => void recoverUntilDone(host, id), AGAIN_MS).unref();
  }
}

async function lastUse(host: HostContext, { id }: MachineRecord): Promise<number> {
  return (await stat(host.journal.recordFile(id))).mtimeMs;
}

async function recoverOne(host: HostContext, record: MachineRecord): Promise<void> {
  const { id } = record;
  switch (record.state) {
    case "running":
      return adopt(host, record);
    case "starting":
      // Nobody was told that it runs, so nobody misses it.
      await killVmmsOf(host, record.vmName);
      await releaseResources(host, record, undefined);
      await host.journal.remove(id);
      host.machines.remove(id);
      host.logger.info({ op: "recover", id }, "rolled back a create that was cut off");
      return;
    case "pausing":
      return recoverPausing(host, record);
    case "resuming":
      return backToPaused(host, record);
    case "paused":
      return settlePaused(host, record);
    case "stopping":
      // It takes the machine's lock itself.
      setImmediate(() => void destroyMachine(host, id).catch(() => {}));
      return;
    default:
      return releaseEnded(host, record, undefined);
  }
}

/** The snapshot of a pause that was cut off is whole or not there: whole, and the machine is paused; not there, and it runs on. */
async function recoverPausing(host: HostContext, record: MachineRecord): Promise<void> {
  const { id } = record;
  const generation = record.generation + 1;
  if (await isPublished(host, id, generation)) {
    const changes = { generation, overlays: [], pausedAt: Date.now(), pauseReason: record.pauseReason ?? "request" };
    const paused = await host.journal.transition(record, "paused", changes);
    await releasePaused(host, paused, undefined, UNOBSERVED);
    host.logger.info({ op: "recover", id }, "finished a pause that was cut off");
    return;
  }
  const live = await attach(host, record);
  if (live === undefined) {
    host.logger.warn({ op: "recover", id }, "a capsule ended while it was paused");
    return endMachine(host, record, undefined, { kind: "killed", message: "" });
  }
  const running = await host.journal.transition(await settleOverlays(host, record, live), "pause_failed");
  await tidyMachine(host, running);
  takeOver(host, running, live);
  host.logger.info({ op: "recover", id }, "a pause was cut off; the capsule runs on");
}

/** What a resume that was cut off did is thrown away: nobody was told that the machine runs. */
async function backToPaused(host: HostContext, record: MachineRecord): Promise<void> {
  await killVmmsOf(host, record.vmName);
  await releaseResources(host, record, undefined);
  const paused = await host.journal.transition(without({ ...record, overlays: [] }, "slot", "vmm"), "resume_failed");
  host.machines.put(paused);
  await tidyMachine(host, paused);
  host.logger.info({ op: "recover", id: record.id }, "rolled back a resume that was cut off");
}

async function settlePaused(host: HostContext, record: MachineRecord): Promise<void> {
  await killVmmsOf(host, record.vmName);
  await releasePaused(host, record, undefined, UNOBSERVED);
  scheduleFlatten(host, record.id);
}

/** A VMM that lives but does not answer yet is busy, not dead: its capsule stays, and is asked again. */
async function adopt(host: HostContext, record: MachineRecord): Promise<void> {
  const { id } = record;
  const live = await attach(host, record);
  if (live === undefined) {
    host.logger.warn({ op: "adopt", id }, "a capsule ended while no host agent ran");
    return endMachine(host, record, undefined, { kind: "killed", message: "" });
  }
  const settled = await settleOverlays(host, record, live);
  const metadata = noteAgentRevision(host, settled, notedRevision(settled));
  takeOver(host, { ...settled, metadata }, live);
  // Whether it was told otherwise nobody knows any more; if there is no room it is told again.
  void live.guest.init({ diskFull: false }, INIT_TIMEOUT_MS).catch(() => {});
  await tidyMachine(host, settled);
  host.logger.info({ op: "adopt", id }, "adopted a running capsule");
}

/**
 * Its CPUs run afterwards: an operation that was cut off may have left them stopped.
 * Undefined when its VMM is gone. @throws vmm_failed when it lives and does not answer
 */
async function attach(
  host: HostContext,
  { id, vmName, vmm, slot, accessToken }: MachineRecord,
): Promise<LiveParts | undefined> {
  if (vmm === undefined || slot === undefined || !isAlive(vmm)) return undefined;
  const location = { machineDir: host.journal.machineDir(id), runDir: runDirOf(host, vmName), name: vmName };
  const vm = await host.driver.attach({ process: vmm }, location);
  try {
    await vm.continue();
  } catch (error) {
    vm.detach();
    throw error;
  }
  const addresses = slotAddresses(slot);
  return { vm, guest: new GuestClient(addresses.capsuleAddress, accessToken), slot: addresses };
}

function takeOver(host: HostContext, record: MachineRecord, live: LiveParts): void {
  host.machines.put(record, live);
  watchEnd(host, record.id, live.vm);
}
