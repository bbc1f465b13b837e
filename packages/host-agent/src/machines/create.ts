/** Creates a machine: everything it needs is acquired step by step, and all of it is taken back when a step fails. */
import { chown, mkdir, rm } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";
import { type Id, idToUuid } from "@wrenn/protocol/ids";
import { Phases } from "@wrenn/runtime/phases";
import { type Undo, withUndo } from "@wrenn/runtime/undo";
import { asDiskFull, copyOverlay, requireFreeSpace } from "../disk/overlay.ts";
import { GuestClient } from "../guest/client.ts";
import type { HostContext } from "../host.ts";
import type { SlotAddresses } from "../network/addresses.ts";
import type { Template } from "../templates/store.ts";
import type { Vm } from "../vmm/contract.ts";
import { watchEnd } from "./end.ts";
import type { MachineRecord } from "./record.ts";
import type { Machine } from "./registry.ts";
import { runDirOf } from "./resources.ts";

export interface CreateRequest {
  readonly id: Id<"capsule">;
  readonly template: string;
  readonly templateId: string;
  readonly teamId: string;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly timeoutSec: number;
  readonly defaultUser: string;
  readonly defaultEnv: Readonly<Record<string, string>>;
}

export interface Created {
  readonly machine: Machine;
  readonly phases: Record<string, number>;
}

/** The overlay's name in the machine's folder. */
const OVERLAY = "disk.qcow2";
const INIT_TIMEOUT_MS = 60_000;

/** @throws conflict, template_missing, disk_full, no_free_slot, vmm_failed, guest_unreachable; nothing is left behind then */
export async function createMachine(host: HostContext, request: CreateRequest): Promise<Created> {
  const phases = new Phases();
  const { id } = request;
  const onFailure = (failures: unknown) => host.logger.error({ id, failures }, "a failed create left something behind");
  return host.locks.run(id, () =>
    host.createLimit.run(async () => {
      if (host.machines.find(id) !== undefined)
        throw new WrennError("conflict", `the host already has a capsule ${id}`);
      phases.mark("queued");
      try {
        const machine = await withUndo((undo) => assemble(host, request, phases, undo), onFailure);
        host.logger.info(
          { op: "create", id, template: request.template, phases: phases.toRecord() },
          "capsule created",
        );
        return { machine, phases: phases.toRecord() };
      } catch (error) {
        host.logger.warn({ op: "create", id, err: error, phases: phases.toRecord() }, "create failed");
        throw asDiskFull(error);
      }
    }),
  );
}

async function assemble(host: HostContext, request: CreateRequest, phases: Phases, undo: Undo): Promise<Machine> {
  await requireFreeSpace(host.layout.dir, host.config.minFreeDiskMb);
  const template = await host.templates.ensure(request.template, request);
  phases.mark(template.fresh ? "template_cold_boot" : "template");

  const slot = await host.slots.acquire();
  undo.add("network", () => host.slots.release(slot));
  phases.mark("network");

  const record = await journalStart(host, request, slot, template, undo);
  const machineDir = host.journal.machineDir(record.id);
  await copyOverlay(template.emptyOverlay, `${machineDir}/${OVERLAY}`, slot.uid);
  const runDir = await makeRunDir(host, record.id, slot, undo);
  phases.mark("disk");

  const vm = await startVm(host, { record, slot, template, machineDir, runDir }, phases, undo);
  const guest = new GuestClient(slot.capsuleAddress);
  undo.add("guest connections", () => guest.close());
  await guest.init(initOf(record, request), INIT_TIMEOUT_MS);
  phases.mark("guest_init");

  const running = await host.journal.transition(record, "started", { vmm: vm.process });
  phases.mark("journal");
  const machine = host.machines.put(running, { vm, guest, slot });
  watchEnd(host, running.id, vm);
  return machine;
}

async function journalStart(
  host: HostContext,
  request: CreateRequest,
  slot: SlotAddresses,
  template: Template,
  undo: Undo,
): Promise<MachineRecord> {
  const { defaultUser: _user, defaultEnv: _env, ...facts } = request;
  const record: MachineRecord = {
    ...facts,
    version: 1,
    state: "starting",
    incarnation: 1,
    createdAt: Date.now(),
    slot: slot.slot,
    generation: 1,
    metadata: { ...host.versions, kernel_version: template.kernelVersion },
  };
  await host.journal.create(record);
  undo.add("journal", () => host.journal.remove(record.id));
  host.machines.put(record);
  undo.add("registry", () => host.machines.remove(record.id));
  return record;
}

async function makeRunDir(host: HostContext, id: string, slot: SlotAddresses, undo: Undo): Promise<string> {
  const runDir = runDirOf(host, id);
  await mkdir(runDir, { mode: 0o700 });
  undo.add("sockets", () => rm(runDir, { recursive: true, force: true }));
  await chown(runDir, slot.uid, slot.uid);
  return runDir;
}

interface Parts {
  readonly record: MachineRecord;
  readonly slot: SlotAddresses;
  readonly template: Template;
  readonly machineDir: string;
  readonly runDir: string;
}

async function startVm(host: HostContext, parts: Parts, phases: Phases, undo: Undo): Promise<Vm> {
  const { record, slot, template, machineDir, runDir } = parts;
  undo.add("cgroup", () => host.cgroups.remove(record.id));
  const vm = await host.driver.restore(
    {
      name: record.id,
      vcpus: record.vcpus,
      memoryMb: record.memoryMb,
      slot,
      machineDir,
      runDir,
      disk: { overlay: OVERLAY, backing: template.diskChain },
      agentDisk: template.agentDisk,
      memoryPath: template.memory,
      statePath: template.state,
    },
    (name) => phases.mark(name),
  );
  undo.add("VMM", () => vm.kill());
  return vm;
}

function initOf(record: MachineRecord, request: CreateRequest) {
  return {
    sandboxId: record.id,
    machineId: idToUuid(request.id).replaceAll("-", ""),
    templateId: record.templateId,
    hostname: "capsule",
    generation: record.generation,
    envVars: { ...request.defaultEnv },
    ...(request.defaultUser === "" ? {} : { defaultUser: request.defaultUser }),
  };
}
