/** Takes away everything a machine holds outside its folder, whoever left it: used by destroy, pause, ends and recovery. */
import { rm } from "node:fs/promises";
import { killProcess, type ProcessIdentity } from "@wrenn/runtime/process-identity";
import type { HostBase } from "../host.ts";
import { slotAddresses } from "../network/addresses.ts";
import type { LiveParts } from "./registry.ts";

/** What a machine holds, as its record names it. */
export interface HeldResources {
  readonly vmName: string;
  readonly slot?: number | undefined;
  readonly vmm?: ProcessIdentity | undefined;
}

export function runDirOf(host: HostBase, vmName: string): string {
  return `${host.layout.run}/${vmName}`;
}

/** Ends the VMM and whatever it started. While it lives nothing else may go: its slot is also its user and its network. */
export async function endVmm(
  host: HostBase,
  { vmName, vmm }: HeldResources,
  live: LiveParts | undefined,
): Promise<void> {
  live?.guest.close();
  if (live !== undefined) await live.vm.kill();
  else if (vmm !== undefined) await killProcess(vmm);
  await host.cgroups.remove(vmName);
}

/** What is left when the VMM is gone: every step is tried. Repeatable. @throws AggregateError of all failures */
export async function releaseNetwork(host: HostBase, { vmName, slot }: HeldResources): Promise<void> {
  const results = await Promise.allSettled([
    slot === undefined ? undefined : host.slots.release(slotAddresses(slot), vmName),
    rm(runDirOf(host, vmName), { recursive: true, force: true }),
  ]);
  const failures = results.filter((result) => result.status === "rejected").map((result) => result.reason);
  if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join("; "));
}

/** Both. */
export async function releaseResources(
  host: HostBase,
  held: HeldResources,
  live: LiveParts | undefined,
): Promise<void> {
  await endVmm(host, held, live);
  await releaseNetwork(host, held);
}
