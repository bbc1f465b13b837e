/**
 * Pause: the machine is written down and stops costing anything. Until its snapshot is published a failure makes it go on as if
 * nothing had been; from then on it is paused, and what it held is released, now or later.
 */
import { WrennError } from "@wrenn/protocol/errors";
import type { PauseReason } from "@wrenn/protocol/states";
import { type Undo, withUndo } from "@wrenn/runtime/undo";
import { asDiskFull } from "../disk/overlay.ts";
import type { HostContext } from "../host.ts";
import { beginFolder, publishFolder } from "../snapshots/folder.ts";
import { captureMachine } from "./capture.ts";
import { exclusively } from "./exclusive.ts";
import { scheduleFlatten } from "./flatten.ts";
import { releasePaused, runsOn } from "./pausing.ts";
import type { MachineRecord } from "./record.ts";
import type { LiveMachine } from "./registry.ts";
import { generationDir, tidyMachine } from "./saved.ts";
import { sealCapture } from "./seal.ts";
import { operate, type Progress } from "./steps.ts";

const DRAIN_TIMEOUT_MS = 2000;

export interface Paused {
  /** allocated bytes that it wrote */
  readonly sizeBytes: number;
  readonly phases: Record<string, number>;
}

/** @throws not_found, invalid_state unless it runs, disk_full, vmm_failed; the machine runs on then, unless its VMM died */
export function pauseMachine(host: HostContext, id: string, reason: PauseReason): Promise<Paused> {
  const body = async (progress: Progress<"pause">) => {
    const machine = host.machines.running(id);
    // Whoever used it while this waited for its turn goes on using it.
    if (reason === "idle" && machine.activity.idleMs(Date.now()) < machine.record.timeoutSec * 1000)
      throw new WrennError("invalid_state", `capsule ${id} is in use again`);
    progress.vmm = machine.live.vm.process;
    try {
      const { paused, sizeBytes } = await withUndo(
        (undo) => save(host, machine, reason, progress, undo),
        (failures) => host.logger.error({ op: "pause", id, failures }, "a failed pause left something behind"),
      );
      await releasePaused(host, paused, machine.live, progress);
      const phases = progress.toRecord();
      host.logger.info({ op: "pause", id, reason, sizeBytes, phases }, "capsule paused");
      scheduleFlatten(host, id);
      return { sizeBytes, phases };
    } catch (error) {
      host.logger.warn({ op: "pause", id, err: error, phases: progress.toRecord() }, "pause failed");
      if (host.machines.find(id)?.record.state !== "running")
        throw new WrennError("vmm_failed", "the machine ended before it was saved", { cause: error });
      throw asDiskFull(error);
    }
  };
  return operate(host, "pause", (progress) => exclusively(host, id, () => body(progress)));
}

async function save(
  host: HostContext,
  machine: LiveMachine,
  pauseReason: PauseReason,
  progress: Progress<"pause">,
  undo: Undo,
): Promise<{ paused: MachineRecord; sizeBytes: number }> {
  const pausing = await host.journal.transition(machine.record, "pause");
  host.machines.put(pausing, machine.live);
  undo.add("state", () => runsOn(host, pausing, machine.live));
  await progress.done("journal");

  const generation = pausing.generation + 1;
  const folder = generationDir(host, pausing.id, generation);
  undo.add("snapshot", () => tidyMachine(host, pausing));
  const temporary = await beginFolder(folder);
  await machine.activity.drain(DRAIN_TIMEOUT_MS);
  const captured = await captureMachine(host, machine, temporary, progress, undo);
  // Merging can wait: it costs time in which the machine would neither run nor be paused.
  const options = { overlays: pausing.overlays, mergeAbove: Number.POSITIVE_INFINITY };
  const { ownBytes } = await sealCapture(host, pausing, captured, temporary, options);
  await publishFolder(temporary, folder);
  await progress.done("publish");

  const changes = { generation, overlays: [], pausedAt: Date.now(), pauseReason };
  // The last step that can fail: what would be undone afterwards is what the journal says.
  const paused = await host.journal.transition(pausing, "paused", changes);
  return { paused, sizeBytes: ownBytes };
}
