/** Saves a machine that runs or is paused under an id of its own. */
import { WrennError } from "@wrenn/protocol/errors";
import { asDiskFull, requireFreeSpace } from "../disk/overlay.ts";
import type { HostContext } from "../host.ts";
import { condense } from "../snapshots/condense.ts";
import { describe, makeFolder, type Snapshot } from "../snapshots/folder.ts";
import type { Manifest } from "../snapshots/manifest.ts";
import { captureRunning } from "./capture-running.ts";
import { exclusively } from "./exclusive.ts";
import { scheduleFlatten } from "./flatten.ts";
import { pauseMachine } from "./pause.ts";
import type { LiveMachine, Machine } from "./registry.ts";
import { openSaved } from "./saved.ts";
import { operate, type Progress } from "./steps.ts";

export interface SnapshotTaken {
  readonly snapshot: Snapshot;
  readonly phases: Record<string, number>;
}

/**
 * @param pause the machine is paused first, and stays so; otherwise it goes on as it was
 * @throws not_found, invalid_state, conflict, disk_full, vmm_failed; no snapshot is left then
 */
export async function snapshotMachine(
  host: HostContext,
  id: string,
  snapshotId: string,
  pause: boolean,
): Promise<SnapshotTaken> {
  host.snapshots.making.add(snapshotId);
  try {
    return await takeSnapshot(host, id, snapshotId, pause);
  } finally {
    host.snapshots.making.delete(snapshotId);
  }
}

async function takeSnapshot(host: HostContext, id: string, snapshotId: string, pause: boolean): Promise<SnapshotTaken> {
  if (pause && host.machines.get(id).record.state === "running") await pauseMachine(host, id, "request");
  const body = async (progress: Progress<"snapshot">) => {
    const machine = host.machines.get(id);
    const folder = host.snapshots.folderOf(snapshotId);
    if (await host.snapshots.has(snapshotId))
      throw new WrennError("conflict", `there is a snapshot ${snapshotId} already`);
    try {
      await requireFreeSpace(host.layout.dir, host.config.minFreeDiskMb);
      const manifest = await saveAs(host, machine, folder, host.config.condense.mergeAbove, progress);
      const phases = progress.toRecord();
      host.logger.info({ op: "snapshot", id, snapshotId, sizeBytes: manifest.ownBytes, phases }, "snapshot taken");
      return { snapshot: describe(folder, manifest), phases };
    } catch (error) {
      host.logger.warn({ op: "snapshot", id, snapshotId, err: error, phases: progress.toRecord() }, "snapshot failed");
      throw asDiskFull(error);
    }
  };
  const taken = await operate(host, "snapshot", (progress) => exclusively(host, id, () => body(progress)));
  scheduleFlatten(host, id);
  return taken;
}

/** Publishes what the machine is now as `folder`. The caller holds it. @throws invalid_state when it neither runs nor is paused */
export async function saveAs(
  host: HostContext,
  machine: Machine,
  folder: string,
  mergeAbove: number,
  progress: Progress<"snapshot"> | Progress<"fork">,
): Promise<Manifest> {
  const { record, live } = machine;
  if (record.state === "running" && live !== undefined) {
    progress.vmm = live.vm.process;
    return captureRunning(host, machine as LiveMachine, folder, mergeAbove, progress);
  }
  if (record.state !== "paused") {
    throw new WrennError("invalid_state", `capsule ${record.id} is neither running nor paused`);
  }
  const saved = await openSaved(host, record);
  const manifest = await makeFolder(folder, async (temporary) => {
    const { signal } = new AbortController();
    const { overlays, driver } = host;
    const options = { ...host.config.condense, mergeAbove, overlays, driver, signal };
    const condensed = await condense(saved, temporary, {}, options);
    await progress.done("merge");
    return condensed;
  });
  await progress.done("publish");
  return manifest;
}
