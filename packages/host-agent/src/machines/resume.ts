/** Resume: a paused machine goes on, in any free slot. A failure leaves it paused as it was: it wrote to a new disk layer only. */
import { WrennError } from "@wrenn/protocol/errors";
import { type Undo, withUndo } from "@wrenn/runtime/undo";
import { asDiskFull } from "../disk/overlay.ts";
import type { HostContext } from "../host.ts";
import type { Snapshot } from "../snapshots/folder.ts";
import { commitRunning } from "./commit.ts";
import { exclusively, whileUnborn } from "./exclusive.ts";
import { type MachineRecord, without } from "./record.ts";
import type { Machine } from "./registry.ts";
import { releaseResources } from "./resources.ts";
import { openSaved } from "./saved.ts";
import { startMachine } from "./start.ts";
import { operate, type Progress } from "./steps.ts";

export interface Resumed {
  readonly machine: Machine;
  readonly phases: Record<string, number>;
}

/** @throws not_found, invalid_state unless it is paused, snapshot_corrupt, snapshot_incompatible, no_free_slot, vmm_failed, disk_full */
export function resumeMachine(host: HostContext, id: string, timeoutSec?: number): Promise<Resumed> {
  return exclusively(host, id, () => resumeHeld(host, id, timeoutSec));
}

/** The same for a caller that holds the machine. */
export function resumeHeld(host: HostContext, id: string, timeoutSec?: number): Promise<Resumed> {
  return operate(host, "resume", (progress) => resume(host, id, timeoutSec, progress));
}

async function resume(
  host: HostContext,
  id: string,
  timeoutSec: number | undefined,
  progress: Progress<"resume">,
): Promise<Resumed> {
  const { record } = host.machines.get(id);
  if (record.state !== "paused") throw new WrennError("invalid_state", `capsule ${id} is not paused`);
  try {
    const snapshot = await openSaved(host, record);
    if (record.slot !== undefined || record.vmm !== undefined) await releaseResources(host, record, undefined);
    await progress.done("check");
    const machine = await host.createLimit.run(() => {
      progress.waited("queued");
      const paused = { ...without(record, "slot", "vmm"), timeoutSec: timeoutSec ?? record.timeoutSec };
      const started = () =>
        withUndo(
          (undo) => start(host, paused, snapshot, progress, undo),
          (failures) => host.logger.error({ op: "resume", id, failures }, "a failed resume left something behind"),
        );
      return whileUnborn(host, id, started);
    });
    await progress.done("commit");
    const phases = progress.toRecord();
    host.logger.info({ op: "resume", id, phases }, "capsule resumed");
    return { machine, phases };
  } catch (error) {
    host.logger.warn({ op: "resume", id, err: error, phases: progress.toRecord() }, "resume failed");
    throw asDiskFull(error);
  }
}

async function start(
  host: HostContext,
  paused: MachineRecord,
  snapshot: Snapshot,
  progress: Progress<"resume">,
  undo: Undo,
): Promise<Machine> {
  const vmName = paused.id;
  undo.add("state", () => staysPaused(host, paused));
  const slot = await host.slots.acquire(vmName);
  undo.add("network and sockets", () => releaseResources(host, { vmName, slot: slot.slot }, undefined));
  await progress.done("network");

  const record = await host.journal.transition(paused, "resume", { slot: slot.slot, vmName });
  host.machines.put(record);
  await progress.done("journal");

  const started = await startMachine(host, { record, slot, snapshot }, progress, undo);
  return commitRunning(host, record, started);
}

/** A journal that cannot be written keeps saying `resuming`, which a restart of the agent reads as paused. */
async function staysPaused(host: HostContext, paused: MachineRecord): Promise<void> {
  const record = { ...paused, incarnation: paused.incarnation + 2 };
  host.machines.put(record);
  await host.journal.replace(record);
}
