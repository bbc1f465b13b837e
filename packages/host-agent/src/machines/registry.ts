/** The machines of this host in memory, and everyone who wants to hear of their changes. */
import { WrennError } from "@wrenn/protocol/errors";
import { STATES, type State } from "@wrenn/protocol/states";
import type { GuestClient } from "../guest/client.ts";
import type { SlotAddresses } from "../network/addresses.ts";
import type { Vm } from "../vmm/contract.ts";
import { Activity } from "./activity.ts";
import type { MachineRecord } from "./record.ts";

/** A machine that runs: what an operation needs to talk to it and to release it. */
export interface LiveParts {
  readonly vm: Vm;
  readonly guest: GuestClient;
  readonly slot: SlotAddresses;
}

export interface Machine {
  readonly record: MachineRecord;
  /** absent while it starts, while it is paused and after it ended */
  readonly live: LiveParts | undefined;
  readonly activity: Activity;
}

export type LiveMachine = Machine & { readonly live: LiveParts };

export function isRunning(machine: Machine): machine is LiveMachine {
  return machine.record.state === "running" && machine.live !== undefined;
}

export type MachineEvent =
  | { readonly kind: "changed"; readonly machine: Machine }
  | { readonly kind: "removed"; readonly id: string };

export class Machines {
  readonly #machines = new Map<string, Machine>();
  readonly #listeners = new Set<(event: MachineEvent) => void>();
  readonly #activityFile: (id: string) => string;

  /** @param activityFile file whose time of change is the last use of that machine */
  constructor(activityFile: (id: string) => string) {
    this.#activityFile = activityFile;
  }

  /** @param lastActiveAt of a machine that is new here; now when absent */
  put(record: MachineRecord, live?: LiveParts, lastActiveAt = Date.now()): Machine {
    const known = this.#machines.get(record.id)?.activity;
    const activity = known ?? new Activity(this.#activityFile(record.id), lastActiveAt);
    const machine = { record, live, activity };
    this.#machines.set(record.id, machine);
    this.#emit({ kind: "changed", machine });
    return machine;
  }

  remove(id: string): void {
    if (this.#machines.delete(id)) this.#emit({ kind: "removed", id });
  }

  find(id: string): Machine | undefined {
    return this.#machines.get(id);
  }

  /** @throws not_found */
  get(id: string): Machine {
    const machine = this.#machines.get(id);
    if (machine === undefined) throw new WrennError("not_found", `the host has no capsule ${id}`);
    return machine;
  }

  /** @throws not_found, or invalid_state when it does not run */
  running(id: string): LiveMachine {
    const machine = this.get(id);
    if (!isRunning(machine)) throw new WrennError("invalid_state", `capsule ${id} is not running`);
    return machine;
  }

  /** One that runs and can answer. @throws what `running` throws, disk_full while it stands still for want of room */
  answering(id: string): LiveMachine {
    const machine = this.running(id);
    if (!machine.live.vm.isOutOfSpace) return machine;
    throw new WrennError("disk_full", "the disk of the host is full: the capsule stands still until there is room");
  }

  /** Whether a machine's VMM has that name: also that of a paused machine, whose leftovers are its own to remove. */
  ownsVm(name: string): boolean {
    return this.#machines.has(name) || this.list().some((machine) => machine.record.vmName === name);
  }

  /** Whether the slot that a machine of that name claimed is the one it uses: a start that was cut off claims one for nothing. */
  ownsSlot(name: string, slot: number): boolean {
    return this.list().some(({ record }) => record.vmName === name && record.slot === slot);
  }

  list(): Machine[] {
    return [...this.#machines.values()];
  }

  /** How many there are in each state. */
  get countByState(): Readonly<Record<State, number>> {
    const counts = Object.fromEntries(STATES.map((state) => [state, 0])) as Record<State, number>;
    for (const { record } of this.#machines.values()) counts[record.state]++;
    return counts;
  }

  /** Calls back for every change from now on. Returns how to stop. */
  watch(listener: (event: MachineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #emit(event: MachineEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
