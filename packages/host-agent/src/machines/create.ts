/** Creates a machine: everything it needs is acquired step by step, and all of it is taken back when a step fails. */
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import type { Id } from "@wrenn/protocol/ids";
import { type Undo, withUndo } from "@wrenn/runtime/undo";
import { asDiskFull, requireFreeSpace } from "../disk/overlay.ts";
import type { HostContext } from "../host.ts";
import type { SlotAddresses } from "../network/addresses.ts";
import { copyFolder, describe, type Snapshot } from "../snapshots/folder.ts";
import { killedIfAbandoned, unlessAbandoned } from "./abandon.ts";
import { commitRunning } from "./commit.ts";
import { exclusively, whileUnborn } from "./exclusive.ts";
import { type MachineRecord, newAccessToken } from "./record.ts";
import type { Machine } from "./registry.ts";
import { releaseResources } from "./resources.ts";
import { generationDir } from "./saved.ts";
import { startMachine } from "./start.ts";
import { operate, type Progress } from "./steps.ts";

export interface CreateRequest {
  readonly id: Id<"capsule">;
  /** id of the template or snapshot, for the guest */
  readonly templateId: string;
  readonly teamId: string;
  /** MiB; a disk that the snapshot has larger stays so */
  readonly diskSizeMb: number;
  readonly timeoutSec: number;
  readonly defaultUser: string;
  readonly defaultEnv: Readonly<Record<string, string>>;
}

export interface Created {
  readonly machine: Machine;
  readonly phases: Record<string, number>;
}

/** What a machine starts from: found, or made by a cold boot. */
export type Origin = () => Promise<{ readonly snapshot: Snapshot; readonly fresh: boolean }>;

/**
 * @param wanted aborted when the machine is destroyed meanwhile
 * @throws conflict, template_missing, disk_full, no_free_slot, vmm_failed, guest_unreachable, the reason of `wanted`; nothing is
 * left behind then
 */
export async function createMachine(
  host: HostContext,
  request: CreateRequest,
  origin: Origin,
  wanted: AbortSignal = new AbortController().signal,
): Promise<Created> {
  const { id } = request;
  const onFailure = (failures: unknown) => host.logger.error({ id, failures }, "a failed create left something behind");
  const body = async (progress: Progress<"create">) => {
    if (host.machines.find(id) !== undefined) throw new WrennError("conflict", `the host already has a capsule ${id}`);
    try {
      await requireFreeSpace(host.layout.dir, host.config.minFreeDiskMb);
      // A cold boot takes long: it has a queue of its own, so that creates from other templates pass it.
      const { snapshot, fresh } = await unlessAbandoned(wanted, origin);
      if (fresh) progress.waited("template_cold_boot");
      await progress.done("template");
      const machine = await host.createLimit.run(() => {
        progress.waited("queued");
        wanted.throwIfAborted();
        return withUndo((undo) => assemble(host, request, snapshot, { progress, undo, wanted }), onFailure);
      }, wanted);
      const phases = progress.toRecord();
      host.logger.info({ op: "create", id, template: machine.record.template, phases }, "capsule created");
      return { machine, phases };
    } catch (cause) {
      const error: unknown = wanted.aborted ? wanted.reason : cause;
      const level = wanted.aborted || hasCode(error, "not_found", "snapshot_missing") ? "info" : "warn";
      host.logger[level]({ op: "create", id, err: error, phases: progress.toRecord() }, "create failed");
      throw asDiskFull(error);
    }
  };
  return operate(host, "create", (progress) =>
    exclusively(host, id, () => whileUnborn(host, id, () => body(progress))),
  );
}

async function assemble(
  host: HostContext,
  request: CreateRequest,
  origin: Snapshot,
  { progress, undo, wanted }: { progress: Progress<"create">; undo: Undo; wanted: AbortSignal },
): Promise<Machine> {
  const vmName = request.id;
  const slot = await host.slots.acquire(vmName);
  undo.add("network and sockets", () => releaseResources(host, { vmName, slot: slot.slot }, undefined));
  await progress.done("network");

  const record = newRecord(host, request, slot, origin, vmName);
  await host.journal.create(record);
  undo.add("journal", () => host.journal.remove(record.id));
  host.machines.put(record);
  undo.add("registry", () => host.machines.remove(record.id));
  await progress.done("journal");

  const folder = generationDir(host, record.id, record.generation);
  await copyFolder(origin, folder);
  const snapshot = describe(folder, origin.manifest);
  await progress.done("link");

  const started = await killedIfAbandoned(wanted, progress, (guarded) =>
    startMachine(host, { record, slot, snapshot }, guarded, undo),
  );
  const machine = await commitRunning(host, record, started);
  await progress.done("commit");
  return machine;
}

export function newRecord(
  host: HostContext,
  { id, ...facts }: CreateRequest,
  slot: SlotAddresses,
  { manifest }: Snapshot,
  vmName: string,
): MachineRecord {
  return {
    ...facts,
    version: 2,
    id,
    state: "starting",
    incarnation: 1,
    template: manifest.template,
    vcpus: manifest.vcpus,
    memoryMb: manifest.memoryMb,
    diskSizeMb: Math.max(facts.diskSizeMb, manifest.diskSizeMb),
    accessToken: newAccessToken(),
    createdAt: Date.now(),
    slot: slot.slot,
    vmName,
    overlays: [],
    generation: manifest.generation + 1,
    metadata: { ...host.versions, kernel_version: manifest.kernelVersion },
  };
}
