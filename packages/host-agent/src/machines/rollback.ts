/**
 * Rollback: a machine becomes again what it was at one of its checkpoints, and runs. First it is paused as that checkpoint, in
 * one step; what it was before is gone from then on. If it then cannot be resumed, it stays paused there.
 */
import { WrennError } from "@wrenn/protocol/errors";
import { type Undo, withUndo } from "@wrenn/runtime/undo";
import { asDiskFull, requireFreeSpace } from "../disk/overlay.ts";
import type { HostContext } from "../host.ts";
import { copyFolder, type Snapshot, verifySnapshot } from "../snapshots/folder.ts";
import { exclusively } from "./exclusive.ts";
import { releasePaused, runsOn } from "./pausing.ts";
import type { MachineRecord } from "./record.ts";
import type { Machine } from "./registry.ts";
import { type Resumed, resumeHeld } from "./resume.ts";
import { generationDir, tidyMachine } from "./saved.ts";
import { operate, type Progress } from "./steps.ts";

/** @throws not_found, snapshot_missing, snapshot_corrupt, invalid_state unless it runs or is paused; it is what it was then */
export function rollbackMachine(host: HostContext, id: string, snapshotId: string): Promise<Resumed> {
  const body = async (progress: Progress<"rollback">) => {
    const machine = host.machines.get(id);
    const checkpoint = await host.snapshots.open(snapshotId);
    const { record } = machine;
    if (record.state !== "paused" && record.state !== "running")
      throw new WrennError("invalid_state", `capsule ${id} is neither running nor paused`);
    // Found after a restart of the agent, and its VMM does not answer yet.
    if (record.state === "running" && machine.live === undefined)
      throw new WrennError("invalid_state", `capsule ${id} is still being taken over`);
    // What the capsule is now is given up for it.
    await verifySnapshot(checkpoint);
    await requireFreeSpace(host.layout.dir, host.config.minFreeDiskMb);
    progress.vmm = machine.live?.vm.process;
    await progress.done("check");
    try {
      const paused = await withUndo(
        (undo) => replace(host, machine, checkpoint, progress, undo),
        (failures) => host.logger.error({ op: "rollback", id, failures }, "a failed rollback left something behind"),
      );
      await releasePaused(host, paused, machine.live, progress);
    } catch (error) {
      host.logger.warn({ op: "rollback", id, err: error, phases: progress.toRecord() }, "rollback failed");
      throw asDiskFull(error);
    }
    const { total: _total, ...before } = progress.toRecord();
    const { machine: running, phases } = await resumeHeld(host, id);
    host.logger.info({ op: "rollback", id, snapshotId }, "capsule rolled back");
    return { machine: running, phases: { ...before, ...phases } };
  };
  return operate(host, "rollback", (progress) => exclusively(host, id, () => body(progress)));
}

async function replace(
  host: HostContext,
  { record, live }: Machine,
  checkpoint: Snapshot,
  progress: Progress<"rollback">,
  undo: Undo,
): Promise<MachineRecord> {
  let from = record;
  if (live !== undefined) {
    from = await host.journal.transition(record, "pause");
    host.machines.put(from, live);
    undo.add("state", () => runsOn(host, from, live));
  }
  undo.add("snapshot", () => tidyMachine(host, from));
  await progress.done("journal");

  const generation = Math.max(from.generation, checkpoint.manifest.generation) + 1;
  await copyFolder(checkpoint, generationDir(host, from.id, generation));
  await progress.done("publish");
  const { diskSizeMb } = checkpoint.manifest;
  const changes = { generation, overlays: [], diskSizeMb, pausedAt: Date.now(), pauseReason: "request" as const };
  return live === undefined
    ? host.journal.replace({ ...from, ...changes, incarnation: from.incarnation + 1 })
    : host.journal.transition(from, "paused", changes);
}
