/** Removes what belongs to no machine of this instance: processes, cgroups, networks, sockets, folders. */
import { readdir, readFile, rm } from "node:fs/promises";
import { basename } from "node:path";
import { identify, killProcess } from "@wrenn/runtime/process-identity";
import type { HostBase } from "../host.ts";
import { removeAbandonedSlot } from "../network/abandoned.ts";
import { slotAddresses } from "../network/addresses.ts";
import { NOBODY } from "../network/claims.ts";

export interface Leftovers {
  /** folders that hold no record */
  readonly strays: readonly string[];
  /** machines whose record exists and cannot be read: nothing of theirs is touched */
  readonly unreadable: readonly string[];
}

/** Call before anything is made: then folders without a record are nobody's either. Failures are logged and tried again later. */
export async function sweep(host: HostBase, { strays, unreadable }: Leftovers): Promise<void> {
  await sweepResources(host, unreadable);
  await sweepStrays(host, strays);
}

/** Folders without a record, but for those of machines in the making. */
export async function sweepStrays(host: HostBase, strays: readonly string[]): Promise<void> {
  const stale = strays.filter((path) => !host.unborn.has(basename(path)) && !host.machines.ownsVm(basename(path)));
  await each(host, "folder", stale, (path) => rm(path, { recursive: true, force: true }));
}

/**
 * May run at any time: whoever makes a machine is in `unborn` before it makes anything, so what has no owner after it was seen
 * had none when it was seen.
 */
export async function sweepResources(host: HostBase, unreadable: readonly string[]): Promise<void> {
  const keep = new Set(unreadable);
  const isOwned = (name: string) => keep.has(name) || host.unborn.has(name) || host.machines.ownsVm(name);

  await each(host, "process", await findVmms(host.layout.run), async ({ pid, machine }) => {
    const process = isOwned(machine) ? undefined : identify(pid);
    if (process !== undefined) await killProcess(process);
  });
  await each(host, "cgroup", await host.cgroups.list(), async (name) => {
    if (!isOwned(name)) await host.cgroups.remove(name);
  });
  await each(host, "network slot", await host.claims.own(), async ({ slot, holder }) => {
    const isKept = host.slots.keeps(slot) || host.slots.making;
    const isHeld = keep.has(holder) || host.unborn.has(holder) || host.machines.ownsSlot(holder, slot);
    if (holder === NOBODY ? !isKept : !isHeld) await host.slots.release(slotAddresses(slot), holder);
  });
  await each(host, "abandoned slot", await host.claims.abandoned(), async (claim) => {
    await removeAbandonedSlot(host.claims, claim);
  });
  await each(host, "socket folder", await listFolders(host.layout.run), async (name) => {
    if (isMachineName(name) && !isOwned(name)) {
      await rm(`${host.layout.run}/${name}`, { recursive: true, force: true });
    }
  });
}

async function each<T>(
  host: HostBase,
  kind: string,
  items: readonly T[],
  remove: (item: T) => Promise<void>,
): Promise<void> {
  for (const item of items) {
    await remove(item).catch((error: unknown) =>
      host.logger.error({ kind, item, err: error }, "cannot sweep a leftover"),
    );
  }
}

/** Ends the VMMs of that name, whoever wrote them down. */
export async function killVmmsOf(host: HostBase, vmName: string): Promise<void> {
  for (const { pid, machine } of await findVmms(host.layout.run)) {
    const process = machine === vmName ? identify(pid) : undefined;
    if (process !== undefined) await killProcess(process);
  }
}

export interface FoundVmm {
  readonly pid: number;
  /** name of the machine, from the path of its control socket */
  readonly machine: string;
}

/** The VMMs whose control socket lies in this instance's folder. */
export async function findVmms(runDir: string): Promise<FoundVmm[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const args = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
      const start = `unix:${runDir}/`;
      const socket = args.find((arg) => arg.startsWith(start) && arg.includes("/qmp.sock"));
      return socket === undefined
        ? undefined
        : { pid, machine: socket.slice(start.length, socket.indexOf("/qmp.sock")) };
    }),
  );
  return found.filter((vmm) => vmm !== undefined);
}

/** Capsules, the machines that make templates, and those that wait for an owner. */
function isMachineName(name: string): boolean {
  return ["cl-", "template-", "warm-"].some((prefix) => name.startsWith(prefix));
}

async function listFolders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}
