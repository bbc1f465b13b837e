/** Stops a running machine and writes down what it is: device state and changed memory. Its disk stays where it is. */
import { chmod, chown, copyFile, rm, writeFile } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";
import { isAlive } from "@wrenn/runtime/process-identity";
import type { Undo } from "@wrenn/runtime/undo";
import { freeSpaceMb } from "../disk/overlay.ts";
import type { HostContext } from "../host.ts";
import { captureDiff } from "../memory/capture.ts";
import type { Snapshot } from "../snapshots/folder.ts";
import { FILES, type Manifest, memoryOf } from "../snapshots/manifest.ts";
import type { LiveMachine, LiveParts } from "./registry.ts";
import { STATE_FILE, savedInUse } from "./saved.ts";

/** A guest that does not answer is saved as it is. */
const QUIESCE_TIMEOUT_MS = 30_000;
const CLOCK_TIMEOUT_MS = 2000;

export interface Captured {
  readonly clock: NonNullable<Manifest["clock"]> | undefined;
  /** what the machine was restored from: the captured memory is a diff of its memory file */
  readonly base: Snapshot;
}

export interface CaptureProgress {
  done(step: "quiesce" | "stop" | "state_save" | "memory_save"): Promise<void>;
}

/**
 * Leaves the machine stopped, with `state` and `memory.diff` in the folder `target`. When the operation fails later, the undo
 * stack makes it go on.
 */
export async function captureMachine(
  host: HostContext,
  { record, live }: LiveMachine,
  target: string,
  progress: CaptureProgress,
  undo: Undo,
): Promise<Captured> {
  const base = await savedInUse(host, record);
  const offsetMs = await quiesce(host, record.id, live);
  await progress.done("quiesce");

  let stoppedAtMs = Date.now();
  const clock = () => (offsetMs === undefined ? undefined : { offsetMs, stoppedAtMs });
  undo.add("go on", () => continueMachine(live, clock()));
  await live.vm.stop();
  stoppedAtMs = Date.now();
  await progress.done("stop");

  await saveState(host, record.id, live, `${target}/${FILES.state}`);
  await progress.done("state_save");

  await captureDiff({
    ...memoryOf(base.manifest),
    pid: live.vm.process.pid,
    memoryPath: base.memory,
    target: `${target}/${FILES.diff}`,
  });
  await progress.done("memory_save");
  return { clock: clock(), base };
}

/** Returns the offset of the guest's clock, undefined when the guest does not answer. */
async function quiesce(host: HostContext, id: string, { guest, vm }: LiveParts): Promise<number | undefined> {
  if (vm.isOutOfSpace) return undefined;
  try {
    return (await guest.prepare(QUIESCE_TIMEOUT_MS)).offsetMs;
  } catch (error) {
    host.logger.warn({ id, err: error }, "the guest does not answer; its machine is saved as it is");
    return undefined;
  }
}

/** The VMM may write no file of its own making: it fills one that lies there, and the host takes a copy that only it can change. */
async function saveState(host: HostContext, id: string, { vm, slot }: LiveParts, target: string): Promise<void> {
  const file = `${host.journal.machineDir(id)}/${STATE_FILE}`;
  await writeFile(file, "", { mode: 0o600 });
  await chown(file, slot.uid, slot.uid);
  try {
    await vm.saveState(STATE_FILE).catch(async (error: unknown) => {
      // The VMM says only that it could not write.
      if ((await freeSpaceMb(host.layout.dir)) > 0) throw error;
      throw new WrennError("disk_full", "the disk of the host is full", { cause: error });
    });
    await copyFile(file, target);
    await chmod(target, 0o600);
  } finally {
    await rm(file, { force: true });
  }
}

/** A machine that was stopped goes on, with the right time. */
export async function continueMachine(
  { vm, guest }: LiveParts,
  clock: { offsetMs: number; stoppedAtMs: number } | undefined,
): Promise<void> {
  if (!isAlive(vm.process)) return;
  const continuedAtMs = Date.now();
  await vm.continue();
  if (clock === undefined) return;
  const clockOffsetMs = clock.offsetMs + (continuedAtMs - clock.stoppedAtMs);
  await guest.init({ clockOffsetMs }, CLOCK_TIMEOUT_MS).catch(() => {
    // It keeps running with the time it has; the clock keeper tries again.
  });
}
