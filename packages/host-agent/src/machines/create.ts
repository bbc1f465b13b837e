/** Creates a machine: everything it needs is acquired step by step, and all of it is taken back when a step fails. */
import { chown, mkdir } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";
import { type Id, idToUuid } from "@wrenn/protocol/ids";
import { Phases } from "@wrenn/runtime/phases";
import { type Undo, withUndo } from "@wrenn/runtime/undo";
import { asDiskFull, copyOverlay, requireFreeSpace } from "../disk/overlay.ts";
import { GuestClient } from "../guest/client.ts";
import type { HostContext } from "../host.ts";
import type { SlotAddresses } from "../network/addresses.ts";
import type { Template } from "../templates/store.ts";
import { type Vm, whileAlive } from "../vmm/contract.ts";
import { watchEnd } from "./end.ts";
import type { MachineRecord } from "./record.ts";
import type { Machine } from "./registry.ts";
import { type HeldResources, releaseResources, runDirOf } from "./resources.ts";

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
  return host.locks.run(id, async () => {
    if (host.machines.find(id) !== undefined) throw new WrennError("conflict", `the host already has a capsule ${id}`);
    try {
      await requireFreeSpace(host.layout.dir, host.config.minFreeDiskMb);
      // A cold boot takes long: it has a queue of its own, so that creates from other templates pass it.
      const template = await host.templates.ensure(request.template, request);
      phases.mark(template.fresh ? "template_cold_boot" : "template");
      const machine = await host.createLimit.run(() =>
        withUndo((undo) => assemble(host, request, template, phases, undo), onFailure),
      );
      const facts = { op: "create", id, template: request.template, phases: phases.toRecord() };
      host.logger.info(facts, "capsule created");
      return { machine, phases: facts.phases };
    } catch (error) {
      host.logger.warn({ op: "create", id, err: error, phases: phases.toRecord() }, "create failed");
      throw asDiskFull(error);
    }
  });
}

async function assemble(
  host: HostContext,
  request: CreateRequest,
  template: Template,
  phases: Phases,
  undo: Undo,
): Promise<Machine> {
  phases.mark("queued");
  const slot = await host.slots.acquire(request.id);
  const held: HeldResources = { id: request.id, slot: slot.slot };
  undo.add("VMM, network and sockets", () => releaseResources(host, held, undefined));
  phases.mark("network");

  const record = await journalStart(host, request, slot, template, undo);
  const machineDir = host.journal.machineDir(record.id);
  await copyOverlay(template.emptyOverlay, `${machineDir}/${OVERLAY}`, slot.uid);
  const runDir = await makeRunDir(host, record.id, slot);
  phases.mark("disk");

  const vm = await startVm(host, { record, slot, template, machineDir, runDir }, phases);
  held.vmm = vm.process;
  const guest = new GuestClient(slot.capsuleAddress);
  undo.add("guest connections", () => guest.close());
  await whileAlive(vm, guest.init(initOf(record, request), INIT_TIMEOUT_MS));
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

async function makeRunDir(host: HostContext, id: string, slot: SlotAddresses): Promise<string> {
  const runDir = runDirOf(host, id);
  await mkdir(runDir, { mode: 0o700 });
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

function startVm(host: HostContext, parts: Parts, phases: Phases): Promise<Vm> {
  const { record, slot, template, machineDir, runDir } = parts;
  const spec = {
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
  };
  return host.driver.restore(spec, (name) => phases.mark(name));
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
