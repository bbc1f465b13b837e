/** What the rest of the host agent knows of a virtual machine monitor. Drivers are reached through this file only. */
import { WrennError } from "@wrenn/protocol/errors";
import type { ProcessIdentity } from "@wrenn/runtime/process-identity";
import type { BackingFile } from "../disk/overlay.ts";
import type { SlotAddresses } from "../network/addresses.ts";
import type { Capabilities } from "./capabilities.ts";

/** Files of one machine's disk chain, newest first; all but the first are read-only. */
export interface DiskChain {
  /** file name of the overlay inside the machine's folder */
  readonly overlay: string;
  readonly backing: readonly BackingFile[];
  /** MiB that the guest sees */
  readonly sizeMb: number;
}

interface VmSpecBase {
  readonly name: string;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly slot: SlotAddresses;
  /** folder owned by the VMM's user: overlay, logs */
  readonly machineDir: string;
  /** folder of the control socket, short enough for a socket path */
  readonly runDir: string;
  readonly disk: DiskChain;
  /** read-only disk with the guest agent */
  readonly agentDisk: string;
}

/** A first boot: the VMM owns the memory file, which becomes the template. */
export interface BootSpec extends VmSpecBase {
  readonly kernel: string;
  readonly initramfs: string;
  readonly kernelArgs: readonly string[];
  /** file name inside the machine's folder */
  readonly memoryFile: string;
}

/** A machine that goes on from a snapshot: the memory file is mapped privately and never written. */
export interface RestoreSpec extends VmSpecBase {
  readonly memoryPath: string;
  readonly statePath: string;
  /** Puts changed pages into the VMM's mapping of the memory file, before device state that refers to them is loaded. */
  readonly loadMemory: (pid: number) => Promise<void>;
}

/** Disk layers that are to become one. */
export interface LayersToMerge {
  /** an empty layer, which takes what they hold */
  readonly target: string;
  /** newest first; they stay as they are */
  readonly layers: readonly BackingFile[];
  /** what the result stands on, newest first */
  readonly base: readonly BackingFile[];
}

/** How a VMM came to its end. */
export interface VmExit {
  /** "shutdown": the guest powered off; "reset": it crashed or rebooted; "killed": the process died */
  readonly kind: "shutdown" | "reset" | "killed";
  /** last lines of the VMM's own messages */
  readonly message: string;
}

/** What the journal keeps to find a living VMM again. */
export interface VmHandle {
  readonly process: ProcessIdentity;
}

export interface Vm extends VmHandle {
  /** It stands still because a write found the host's disk full; it tries again after `continue`. */
  readonly isOutOfSpace: boolean;
  /** Resolves when the VMM is gone, whoever ended it. Never rejects. */
  readonly exited: Promise<VmExit>;
  stop(): Promise<void>;
  continue(): Promise<void>;
  /** Writes the device state of a stopped machine to a file that lies in its own folder already. */
  saveState(fileName: string): Promise<void>;
  /** From now on a stopped machine writes to that empty overlay in its own folder; the one before is frozen. */
  switchOverlay(fileName: string): Promise<void>;
  /** File name of the overlay that takes its writes. */
  activeOverlay(): Promise<string>;
  /**
   * Copies the layers that it froze since it was started into the one it writes to, while it runs; none of them is used then.
   * @throws AbortError when it is told to stop, vmm_failed, such as for a full disk: the layers stay in use then
   */
  flattenDisk(signal: AbortSignal): Promise<void>;
  /** Stops the old timer of a machine whose kernel uses a better one: it would wake the VMM for nothing, in every clone. */
  stopOldTimer(): Promise<void>;
  /** Tells the guest that its root disk has this size. */
  growDisk(sizeMb: number): Promise<void>;
  /** The newest output of the guest's serial console, at most 64 KiB. */
  console(): Promise<Buffer>;
  /** Ends the VMM and waits until it is gone. @throws when it does not go: then its user and network are still in use */
  kill(): Promise<void>;
  /** Lets go of a VMM that lives on. */
  detach(): void;
}

export type RestorePhase = "vmm_start" | "memory_load" | "vmm_restore";

export interface VmmDriver {
  readonly capabilities: Capabilities;
  /** Starts a machine from nothing; its vCPUs run. */
  boot(spec: BootSpec): Promise<Vm>;
  /** Loads a machine from a snapshot; its vCPUs do not run yet. `onPhase` is awaited when a phase has ended. */
  restore(spec: RestoreSpec, onPhase: (phase: RestorePhase, process: ProcessIdentity) => Promise<void>): Promise<Vm>;
  /**
   * Copies what layers of no running machine hold into another one. It costs as much as they hold.
   * @throws AbortError, vmm_failed, such as for a full disk, snapshot_corrupt
   */
  mergeLayers(layers: LayersToMerge, signal: AbortSignal): Promise<void>;
  /** Connects to a living VMM. @throws vmm_failed */
  attach(handle: VmHandle, location: { machineDir: string; runDir: string; name: string }): Promise<Vm>;
}

/** The result of `work` on a machine, unless it ends first. @throws vmm_failed when it does */
export async function whileAlive<T>(vm: Vm, work: Promise<T>): Promise<T> {
  const ended = vm.exited.then(({ kind, message }): never => {
    throw new WrennError("vmm_failed", `the machine ended (${kind}) ${message}`.trim());
  });
  return Promise.race([work, ended]);
}
