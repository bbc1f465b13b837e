/** Starts a machine from a snapshot: used by create, resume and fork, and for machines that wait for an owner. */
import { chown, mkdir, rm } from "node:fs/promises";
import type { GuestInit } from "@wrenn/protocol/guest-http";
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import type { ProcessIdentity } from "@wrenn/runtime/process-identity";
import type { Undo } from "@wrenn/runtime/undo";
import { GuestClient } from "../guest/client.ts";
import type { HostContext } from "../host.ts";
import { applyDiff } from "../memory/restore.ts";
import type { SlotAddresses } from "../network/addresses.ts";
import type { Snapshot } from "../snapshots/folder.ts";
import { layerName, memoryOf } from "../snapshots/manifest.ts";
import { type RestorePhase, type Vm, whileAlive } from "../vmm/contract.ts";
import type { MachineRecord } from "./record.ts";
import type { LiveParts } from "./registry.ts";
import { runDirOf } from "./resources.ts";

const INIT_TIMEOUT_MS = 60_000;

/** What a machine is before it has an owner. */
export interface StartPlan {
  readonly vmName: string;
  /** folder that takes its disk layer */
  readonly machineDir: string;
  readonly slot: SlotAddresses;
  readonly snapshot: Snapshot;
  /** MiB, at least the snapshot's */
  readonly diskSizeMb: number;
}

export interface Started extends LiveParts {
  /** the layer that takes its writes */
  readonly overlay: string;
  /** what its guest has to be told besides who it is */
  readonly init: GuestInit;
}

/** A machine whose guest knows who it is. */
export interface Initialized extends Started {
  readonly agentRevision: number;
}

/** The steps that a start takes, as every operation that starts machines has them. */
export interface StartProgress {
  done(step: "disk" | RestorePhase): Promise<void>;
  vmm: ProcessIdentity | undefined;
}

/** Its CPUs run afterwards; its guest still takes itself for the saved one. @throws vmm_failed, snapshot_corrupt, ENOSPC */
export async function startVm(
  host: HostContext,
  plan: StartPlan,
  progress: StartProgress,
  undo: Undo,
): Promise<Started> {
  const { slot, snapshot, diskSizeMb } = plan;
  const overlay = layerName(snapshot.manifest.layers + 1);
  const path = `${plan.machineDir}/${overlay}`;
  // Left by a start that was cut off: nothing of it counts.
  await rm(path, { force: true });
  undo.add("overlay", () => rm(path, { force: true }));
  await host.overlays.make(path, snapshot.manifest.diskSizeMb, slot.uid);
  await progress.done("disk");

  const vm = await loadVm(host, plan, overlay, progress);
  undo.add("VMM", () => vm.kill());
  const continuedAtMs = Date.now();
  await vm.continue();
  const guest = new GuestClient(slot.capsuleAddress);
  undo.add("guest connections", () => guest.close());
  const grows = diskSizeMb > snapshot.manifest.diskSizeMb;
  if (grows) await vm.growDisk(diskSizeMb);
  const init = { ...clockAt(snapshot, continuedAtMs), ...(grows ? { growDisk: true, diskSizeMb } : {}) };
  return { vm, guest, slot, overlay, init };
}

/** Starts the machine of a record. @throws what `startVm` throws, guest_unreachable */
export async function startMachine(
  host: HostContext,
  { record, slot, snapshot }: { record: MachineRecord; slot: SlotAddresses; snapshot: Snapshot },
  progress: StartProgress & { done(step: "guest_init"): Promise<void> },
  undo: Undo,
): Promise<Initialized> {
  const { vmName, diskSizeMb } = record;
  const machineDir = host.journal.machineDir(record.id);
  const started = await startVm(host, { vmName, machineDir, slot, snapshot, diskSizeMb }, progress, undo);
  const agentRevision = await becomeItself(record, started, started.init);
  await progress.done("guest_init");
  return { ...started, agentRevision };
}

/** The guest learns who it is. Returns its agent's revision. @throws guest_unreachable, vmm_failed when the machine ends */
export function becomeItself(record: MachineRecord, { vm, guest }: LiveParts, init: GuestInit): Promise<number> {
  return whileAlive(vm, guest.init({ ...identityOf(record), ...init }, INIT_TIMEOUT_MS));
}

async function loadVm(host: HostContext, plan: StartPlan, overlay: string, progress: StartProgress): Promise<Vm> {
  const { vmName, machineDir, slot, snapshot, diskSizeMb } = plan;
  const { manifest } = snapshot;
  const runDir = runDirOf(host, vmName);
  await rm(runDir, { recursive: true, force: true });
  await mkdir(runDir, { mode: 0o700 });
  await chown(runDir, slot.uid, slot.uid);
  const spec = {
    name: vmName,
    vcpus: manifest.vcpus,
    memoryMb: manifest.memoryMb,
    slot,
    machineDir,
    runDir,
    disk: { overlay, backing: snapshot.disks, sizeMb: diskSizeMb },
    agentDisk: manifest.agentDisk,
    memoryPath: snapshot.memory,
    statePath: snapshot.state,
    loadMemory: (pid: number) => loadDiff(snapshot, pid),
  };
  return host.driver.restore(spec, async (phase, process) => {
    progress.vmm = process;
    await progress.done(phase);
  });
}

async function loadDiff({ diff, memory, manifest }: Snapshot, pid: number): Promise<void> {
  if (diff === undefined) return;
  await applyDiff({ ...memoryOf(manifest), pid, memoryPath: memory, diffPath: diff });
}

/** The guest's monotonic clock stood still from the moment its CPUs stopped to the moment they went on. */
function clockAt({ manifest: { clock } }: Pick<Snapshot, "manifest">, continuedAtMs: number) {
  return clock === undefined ? {} : { clockOffsetMs: clock.offsetMs + (continuedAtMs - clock.stoppedAtMs) };
}

/** What makes the guest this machine and no other. */
function identityOf(record: MachineRecord): GuestInit {
  return {
    sandboxId: record.id,
    machineId: idToUuid(parseId("capsule", record.id)).replaceAll("-", ""),
    // The end of the id: its digits at the front are alike.
    hostname: `capsule-${record.id.slice(-8)}`,
    diskFull: false,
    generation: record.generation,
    accessToken: record.accessToken,
    envVars: record.defaultEnv,
    ...(record.templateId === "" ? {} : { templateId: record.templateId }),
    ...(record.defaultUser === "" ? {} : { defaultUser: record.defaultUser }),
  };
}
