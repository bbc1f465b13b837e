/** Runs machines under QEMU's microvm machine type. */
import { stat } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";
import { isAlive, killProcess, type ProcessIdentity } from "@wrenn/runtime/process-identity";
import { waitFor } from "@wrenn/runtime/wait";
import type { Capabilities } from "../capabilities.ts";
import type { Cgroups } from "../cgroup.ts";
import type { BootSpec, LayersToMerge, RestorePhase, RestoreSpec, Vm, VmHandle, VmmDriver } from "../contract.ts";
import { launch, logTail } from "../process.ts";
import { bootCommand, type QemuCommand, restoreCommand, socketPath } from "./args.ts";
import { mergeLayers } from "./merge-layers.ts";
import { Qmp } from "./qmp.ts";
import { QemuVm } from "./vm.ts";

const SOCKET_TIMEOUT_MS = 20_000;
const LOAD_TIMEOUT_MS = 60_000;
const ATTACH_TIMEOUT_MS = 5000;
/** A qcow2 file that holds every cluster of its disk has its tables besides. */
const DISK_FILE_MARGIN = 1.1;

export interface QemuProgram {
  readonly binary: string;
  /** flags that every start needs, such as where its firmware lies */
  readonly args: readonly string[];
}

export class QemuDriver implements VmmDriver {
  readonly capabilities: Capabilities;
  readonly #program: QemuProgram;
  readonly #cgroups: Cgroups;

  constructor(program: QemuProgram, capabilities: Capabilities, cgroups: Cgroups) {
    this.#program = program;
    this.capabilities = capabilities;
    this.#cgroups = cgroups;
  }

  async boot(spec: BootSpec): Promise<Vm> {
    return this.#start(spec, bootCommand(spec, this.capabilities), async () => {});
  }

  async restore(
    spec: RestoreSpec,
    onPhase: (phase: RestorePhase, process: ProcessIdentity) => Promise<void>,
  ): Promise<Vm> {
    const command = restoreCommand(spec, this.capabilities);
    return this.#start(spec, command, async (qmp, process) => {
      await onPhase("vmm_start", process);
      await spec.loadMemory(process.pid);
      await onPhase("memory_load", process);
      await loadState(qmp, command.stateFd);
      await onPhase("vmm_restore", process);
    });
  }

  mergeLayers(layers: LayersToMerge, signal: AbortSignal): Promise<void> {
    return mergeLayers(this.#program.binary, layers, signal);
  }

  async attach(
    handle: VmHandle,
    { machineDir, runDir, name }: { machineDir: string; runDir: string; name: string },
  ): Promise<Vm> {
    const gone = () => !isAlive(handle.process);
    if (gone()) throw new WrennError("vmm_failed", `the VMM of ${name} is gone`);
    const qmp = await Qmp.connect(socketPath(runDir), { timeoutMs: ATTACH_TIMEOUT_MS, gone });
    const vm = new QemuVm(handle.process, qmp, logFile(machineDir));
    await vm.cancelFlatten();
    return vm;
  }

  /** The group that may open /dev/kvm, where that is used. */
  async #deviceGroup(): Promise<number | undefined> {
    return this.capabilities.accelerator === "kvm" ? (await stat("/dev/kvm")).gid : undefined;
  }

  /** Whatever fails after the launch, no process stays behind. */
  async #start(
    spec: BootSpec | RestoreSpec,
    command: QemuCommand,
    prepare: (qmp: Qmp, process: ProcessIdentity) => Promise<void>,
  ): Promise<Vm> {
    const log = logFile(spec.machineDir);
    const started = await launch({
      program: this.#program.binary,
      args: [...this.#program.args, ...command.args],
      files: command.files,
      slot: spec.slot,
      deviceGroup: await this.#deviceGroup(),
      maxFileBytes: spec.disk.sizeMb * 1024 * 1024 * DISK_FILE_MARGIN,
      logFile: log,
    });
    try {
      await this.#cgroups.add(spec.name, started.identity.pid, spec);
      const gone = () => started.child.exitCode !== null || started.child.signalCode !== null;
      const qmp = await Qmp.connect(socketPath(spec.runDir), { timeoutMs: SOCKET_TIMEOUT_MS, gone });
      const vm = new QemuVm(started.identity, qmp, log);
      await prepare(qmp, started.identity);
      return vm;
    } catch (error) {
      await killProcess(started.identity);
      if (error instanceof WrennError && error.code !== "vmm_failed") throw error;
      const said = await logTail(log);
      throw new WrennError(
        "vmm_failed",
        `${WrennError.from(error).message}${said === "" ? "" : `; QEMU said: ${said}`}`,
        { cause: error },
      );
    }
  }
}

function logFile(machineDir: string): string {
  return `${machineDir}/vmm.log`;
}

/** Loads the device state from an inherited descriptor: a VMM that may neither fork nor open paths can do this. */
async function loadState(qmp: Qmp, fd: number | undefined): Promise<void> {
  let finish: (status: unknown) => void = () => {};
  const finished = new Promise<unknown>((resolve) => {
    finish = resolve;
  });
  const stopListening = qmp.onEvent(({ event, data }) => {
    if (event === "MIGRATION" && (data["status"] === "completed" || data["status"] === "failed"))
      finish(data["status"]);
  });
  const timer = setTimeout(() => finish("timeout"), LOAD_TIMEOUT_MS);
  try {
    await qmp.execute("migrate-set-capabilities", { capabilities: [{ capability: "events", state: true }] });
    await qmp.execute("migrate-incoming", { uri: `fd:${fd}` });
    const status = await Promise.race([finished, qmp.closed.then(() => "closed")]);
    if (status !== "completed") throw new WrennError("vmm_failed", `the snapshot cannot be loaded (${status})`);
    const ready = await waitFor(async () => !isLoading(await qmp.execute("query-status")), {
      timeoutMs: LOAD_TIMEOUT_MS,
      intervalMs: 1,
    });
    if (ready === undefined) throw new WrennError("vmm_failed", "the snapshot was not loaded in time");
  } finally {
    stopListening();
    clearTimeout(timer);
  }
}

function isLoading(status: unknown): boolean {
  return (status as { status?: unknown }).status === "inmigrate";
}
