/** Takes away everything a machine holds outside its folder, whoever left it: used by destroy, by ends and by recovery. */
import { rm } from "node:fs/promises";
import type { ProcessIdentity } from "@wrenn/runtime/process-identity";
import { isAlive, signalProcess } from "@wrenn/runtime/process-identity";
import { waitFor } from "@wrenn/runtime/wait";
import type { HostBase } from "../host.ts";
import { slotAddresses } from "../network/addresses.ts";
import type { MachineRecord } from "./record.ts";
import type { LiveParts } from "./registry.ts";

const KILL_TIMEOUT_MS = 5000;

export function runDirOf(host: HostBase, id: string): string {
  return `${host.layout.run}/${id}`;
}

/** Does every step even when one fails. @throws AggregateError of all failures */
export async function releaseResources(
  host: HostBase,
  record: MachineRecord,
  live: LiveParts | undefined,
): Promise<void> {
  const { id, slot, vmm } = record;
  const steps: [string, () => Promise<void> | void][] = [
    ["guest connections", () => live?.guest.close()],
    ["VMM", () => live?.vm.kill() ?? killProcess(vmm)],
    ["cgroup", () => host.cgroups.remove(id)],
    ["network", () => (slot === undefined ? undefined : host.slots.release(slotAddresses(slot)))],
    ["sockets", () => rm(runDirOf(host, id), { recursive: true, force: true })],
  ];
  const failures: Error[] = [];
  for (const [name, step] of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(new Error(`${name}: ${String(error)}`, { cause: error }));
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, failures.map((failure) => failure.message).join("; "));
}

export async function killProcess(identity: ProcessIdentity | undefined): Promise<void> {
  if (identity === undefined || !signalProcess(identity, "SIGKILL")) return;
  const gone = await waitFor(() => !isAlive(identity), { timeoutMs: KILL_TIMEOUT_MS });
  if (gone === undefined) throw new Error(`process ${identity.pid} does not end`);
}
