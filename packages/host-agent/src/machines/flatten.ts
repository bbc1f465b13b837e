/**
 * Flatten: a paused machine's large memory diff is merged and its disk layers become one, in a new snapshot folder that
 * takes the old one's place in one step. It gives way to whoever wants the machine: then the old folder stays.
 */
import type { HostContext } from "../host.ts";
import { condense, needsCondensing } from "../snapshots/condense.ts";
import { beginFolder, publishFolder, type Snapshot } from "../snapshots/folder.ts";
import type { MachineRecord } from "./record.ts";
import { generationDir, openSaved, tidyMachine } from "./saved.ts";
import { operate, type Progress } from "./steps.ts";

/** In the background, as soon as nobody else works on the machine. */
export function scheduleFlatten(host: HostContext, id: string): void {
  setImmediate(() => {
    const abort = new AbortController();
    host.flattening.set(id, abort);
    host.locks
      .run(id, () => flattenMachine(host, id, abort.signal))
      .catch((error: unknown) => {
        if (!abort.signal.aborted)
          host.logger.warn({ op: "flatten", id, err: error }, "cannot flatten a paused capsule; it stays as it is");
      })
      .finally(() => {
        if (host.flattening.get(id) === abort) host.flattening.delete(id);
      });
  });
}

/** The caller holds the machine. Nothing happens when it needs no flattening. */
export async function flattenMachine(host: HostContext, id: string, signal: AbortSignal): Promise<void> {
  const record = host.machines.find(id)?.record;
  if (record?.state !== "paused" || signal.aborted) return;
  const snapshot = await openSaved(host, record);
  if (!(await needsCondensing(snapshot, host.config.condense))) return;
  await operate(host, "flatten", async (progress) => {
    try {
      await replaceSaved(host, record, snapshot, progress, signal);
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
    qemuImg: host.programs.qemuImg,
    signal,
    onPart: (part: "merge_memory" | "merge_disk") => progress.done(part),
  };
  await condense(snapshot, temporary, {}, options);
  await publishFolder(temporary, folder);
  await progress.done("publish");
  host.machines.put(await host.journal.replace({ ...record, generation }));
  await progress.done("commit");
}
