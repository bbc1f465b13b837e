/** Removes what belongs to no machine of this instance: processes, cgroups, networks, sockets, folders. */
import { readdir, readFile, rm } from "node:fs/promises";
import { identify, killProcess } from "@wrenn/runtime/process-identity";
import type { HostBase } from "../host.ts";
import { removeAbandonedSlot } from "../network/abandoned.ts";
import { slotAddresses } from "../network/addresses.ts";

export interface Leftovers {
  /** folders that hold no record */
  readonly strays: readonly string[];
  /** machines whose record exists and cannot be read: nothing of theirs is touched */
  readonly unreadable: readonly string[];
}

/** Call while nothing is being created. Failures are logged and tried again at the next start. */
export async function sweep(host: HostBase, { strays, unreadable }: Leftovers): Promise<void> {
  const known = new Set([...host.machines.list().map((machine) => machine.record.id), ...unreadable]);

  await each(host, "process", await findVmms(host.layout.run), async ({ pid, machine }) => {
    const process = known.has(machine) ? undefined : identify(pid);
    if (process !== undefined) await killProcess(process);
  });
  await each(host, "cgroup", await host.cgroups.list(), async (name) => {
    if (!known.has(name)) await host.cgroups.remove(name);
  });
  await each(host, "network slot", await host.claims.own(), async ({ slot, holder }) => {
    if (!known.has(holder)) await host.slots.release(slotAddresses(slot), holder);
  });
  await each(host, "abandoned slot", await host.claims.abandoned(), async (claim) => {
    await removeAbandonedSlot(host.claims, claim);
  });
  await each(host, "socket folder", await listFolders(host.layout.run), async (name) => {
    if (isMachineName(name) && !known.has(name)) {
      await rm(`${host.layout.run}/${name}`, { recursive: true, force: true });
    }
  });
  await each(host, "folder", strays, (path) => rm(path, { recursive: true, force: true }));
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

/** Capsules, and the machines that make templates. */
function isMachineName(name: string): boolean {
  return name.startsWith("cl-") || name.startsWith("template-");
}

async function listFolders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}
