/** Saves a running machine as a snapshot of its own; the machine goes on at once, and the rest is done meanwhile. */
import { rm } from "node:fs/promises";
import { type Undo, withUndo } from "@wrenn/runtime/undo";
import type { HostContext } from "../host.ts";
import { beginFolder, publishFolder } from "../snapshots/folder.ts";
import { layerName, layerNumber, type Manifest } from "../snapshots/manifest.ts";
import { type Captured, type CaptureProgress, captureMachine, continueMachine } from "./capture.ts";
import { settleOverlays } from "./overlays.ts";
import type { MachineRecord } from "./record.ts";
import type { LiveMachine } from "./registry.ts";
import { sealCapture } from "./seal.ts";

export interface CaptureRunningProgress extends CaptureProgress {
  done(
    step:
      | Parameters<CaptureProgress["done"]>[0]
      | "overlay_journal"
      | "overlay_switch"
      | "continue"
      | "merge"
      | "publish",
  ): Promise<void>;
}

/**
 * Publishes `folder`. The caller holds the machine, which runs again whatever happens, unless its VMM died.
 * @param mergeAbove bytes of a diff from which on it is merged
 */
export async function captureRunning(
  host: HostContext,
  machine: LiveMachine,
  folder: string,
  mergeAbove: number,
  progress: CaptureRunningProgress,
): Promise<Manifest> {
  const { id } = machine.record;
  const temporary = await beginFolder(folder);
  const onFailure = (failures: unknown) =>
    host.logger.error({ id, failures }, "a failed snapshot left something behind");
  try {
    const { captured, record } = await withUndo((undo) => freeze(host, machine, temporary, progress, undo), onFailure);
    await continueMachine(machine.live, captured.clock);
    await progress.done("continue");
    const overlays = record.overlays.slice(1);
    const manifest = await sealCapture(host, record, captured, temporary, { overlays, mergeAbove });
    await progress.done("merge");
    await publishFolder(temporary, folder);
    await progress.done("publish");
    return manifest;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Leaves the machine stopped, its memory and state written, and a new layer on its disk. */
async function freeze(
  host: HostContext,
  machine: LiveMachine,
  temporary: string,
  progress: CaptureRunningProgress,
  undo: Undo,
): Promise<{ captured: Captured; record: MachineRecord }> {
  const { record, live } = machine;
  const captured = await captureMachine(host, machine, temporary, progress, undo);
  const newest = layerNumber(record.overlays[0] ?? "") ?? captured.base.manifest.layers;
  const overlay = layerName(newest + 1);
  const path = `${host.journal.machineDir(record.id)}/${overlay}`;
  // Left by a snapshot that was cut off before its VMM wrote to it.
  await rm(path, { force: true });
  await host.overlays.make(path, record.diskSizeMb, live.slot.uid);
  // Written down before the VMM uses it: an empty layer that it does not use changes nothing, the other way round loses writes.
  const layered = await host.journal.replace({ ...record, overlays: [overlay, ...record.overlays] });
  host.machines.put(layered, live);
  undo.add("layer", async () => void host.machines.put(await settleOverlays(host, layered, live), live));
  await progress.done("overlay_journal");
  await live.vm.switchOverlay(overlay);
  await progress.done("overlay_switch");
  return { captured, record: layered };
}
