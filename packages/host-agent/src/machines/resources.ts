/** Takes away everything a machine holds outside its folder, whoever left it: used by destroy, by ends and by recovery. */
import { rm } from "node:fs/promises";
import { killProcess, type ProcessIdentity } from "@wrenn/runtime/process-identity";
import type { HostBase } from "../host.ts";
import { slotAddresses } from "../network/addresses.ts";
import type { LiveParts } from "./registry.ts";

/** What a machine holds, as its record names it. */
export interface HeldResources {
  readonly id: string;
  readonly slot?: number | undefined;
  vmm?: ProcessIdentity | undefined;
}

export function runDirOf(host: HostBase, id: string): string {
  return `${host.layout.run}/${id}`;
}

/**
 * The VMM goes first, and while it lives nothing else does: its slot is also its user and its network. Of the rest every step is
 * tried. Repeatable. @throws AggregateError of all failures
 */
export async function releaseResources(
  host: HostBase,
  { id, slot, vmm }: HeldResources,
  live: LiveParts | undefined,
): Promise<void> {
  live?.guest.close();
  if (live !== undefined) await live.vm.kill();
  else if (vmm !== undefined) await killProcess(vmm);
  await host.cgroups.remove(id);
  const results = await Promise.allSettled([
    slot === undefined ? undefined : host.slots.release(slotAddresses(slot), id),
    rm(runDirOf(host, id), { recursive: true, force: true }),
  ]);
  const failures = results.filter((result) => result.status === "rejected").map((result) => result.reason);
  if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join("; "));
}
