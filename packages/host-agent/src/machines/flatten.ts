/**
 * Flatten: a paused machine's large memory diff is merged and its disk layers become one, in a new snapshot folder that
 * takes the old one's place in one step; the layers of one that runs are made one by its VMM. It gives way to whoever wants
 * the machine: then everything stays as it was.
 */
import { isAbort } from "@wrenn/runtime/wait";
import type { HostContext } from "../host.ts";
import { condense, needsCondensing } from "../snapshots/condense.ts";
import { beginFolder, publishFolder, type Snapshot } from "../snapshots/folder.ts";
import { settleOverlays } from "./overlays.ts";
import type { MachineRecord } from "./record.ts";
import { isRunning, type LiveMachine } from "./registry.ts";
import { generationDir, openSaved, tidyMachine } from "./saved.ts";
import { operate, type Progress } from "./steps.ts";

/** Times the limits at which flattening gives way no more. */
const OVERDUE = 2;

/** In the background, as soon as nobody else works on the machine. */
export function scheduleFlatten(host: HostContext, id: string): void {
  setImmediate(() => {
    if (host.flattening.has(id)) return;
    const abort = new AbortController();
    host.flattening.set(id, abort);
    host.locks
      .run(id, () => flattenMachine(host, id, abort.signal))
      .catch((error: unknown) => {
        if (!isAbort(error))
          host.logger.warn({ op: "flatten", id, err: error }, "cannot flatten a capsule; it stays as it is");
      })
      .finally(() => {
        host.flattening.delete(id);
      });
  });
}

/** The caller holds the machine. Nothing happens when it needs no flattening. */
async function flattenMachine(host: HostContext, id: string, signal: AbortSignal): Promise<void> {
  const machine = host.machines.find(id);
  if (machine === undefined) return;
  if (machine.record.state === "paused") return flattenPaused(host, machine.record, signal);
  if (isRunning(machine)) return flattenRunning(host, machine, signal);
}

async function flattenPaused(host: HostContext, record: MachineRecord, signal: AbortSignal): Promise<void> {
  const { id } = record;
  const snapshot = await openSaved(host, record);
  const { condense: limits } = host.config;
  if (!(await needsCondensing(snapshot, limits))) return;
  // One that is always wanted again at once would never be flattened: when it is overdue, who wants it waits.
  const overdue = { mergeAbove: OVERDUE * limits.mergeAbove, maxLayers: OVERDUE * limits.maxLayers };
  const mayStop = (await needsCondensing(snapshot, overdue)) ? new AbortController().signal : signal;
  if (mayStop.aborted) return;
  await operate(host, "flatten", async (progress) => {
    try {
      await replaceSaved(host, record, snapshot, progress, mayStop);
    } finally {
      await tidyMachine(host, host.machines.get(id).record);
    }
    await progress.done("tidy");
    host.logger.info({ op: "flatten", id, phases: progress.toRecord() }, "flattened a paused capsule");
  });
}

async function replaceSaved(
  host: HostContext,
  record: MachineRecord,
  snapshot: Snapshot,
  progress: Progress<"flatten">,
  signal: AbortSignal,
): Promise<void> {
  const generation = record.generation + 1;
  const folder = generationDir(host, record.id, generation);
  const temporary = await beginFolder(folder);
  const options = {
    ...host.config.condense,
    overlays: host.overlays,
    driver: host.driver,
    signal,
    onPart: (part: "merge_memory" | "merge_disk") => progress.done(part),
  };
  await condense(snapshot, temporary, {}, options);
  await publishFolder(temporary, folder);
  await progress.done("publish");
  host.machines.put(await host.journal.replace({ ...record, generation }));
  await progress.done("commit");
}

/** Each snapshot of a machine that runs adds a layer. A crash at any step leaves layers that hold nothing that is not above them. */
async function flattenRunning(host: HostContext, { record, live }: LiveMachine, signal: AbortSignal): Promise<void> {
  const [active, ...frozen] = (await settleOverlays(host, record, live)).overlays;
  if (active === undefined || frozen.length < host.config.condense.maxLayers || signal.aborted) return;
  await operate(host, "flatten_running", async (progress) => {
    progress.vmm = live.vm.process;
    await live.vm.flattenDisk(signal);
    await progress.done("merge_disk");
    const flat = await host.journal.replace({ ...record, overlays: [active] });
    host.machines.put(flat, live);
    await progress.done("commit");
    await tidyMachine(host, flat);
    await progress.done("tidy");
    const phases = progress.toRecord();
    host.logger.info({ op: "flatten", id: record.id, layers: frozen.length, phases }, "flattened a running capsule");
  });
}
