/** Removes what belongs to no machine of this instance: processes, cgroups, networks, sockets, folders. */
import { readdir, readFile, rm } from "node:fs/promises";
import { identify } from "@wrenn/runtime/process-identity";
import type { HostBase } from "../host.ts";
import { slotAddresses } from "../network/addresses.ts";
import { killProcess } from "./resources.ts";

/** Call while nothing is being created. Failures are logged and tried again at the next start. */
export async function sweep(host: HostBase, strayFolders: readonly string[]): Promise<void> {
  const machines = host.machines.list();
  const ids = new Set(machines.map((machine) => machine.record.id));
  const pids = new Set(machines.map((machine) => machine.live?.vm.process.pid));
  const slots = new Set(machines.map((machine) => machine.live?.slot.slot ?? machine.record.slot));
  const ready = new Set(host.slots.ready);

  await each(host, "process", await findVmms(host.layout.run), async (pid) => {
    if (!pids.has(pid)) await killProcess(identify(pid));
  });
  await each(host, "cgroup", await host.cgroups.list(), async (name) => {
    if (!ids.has(name)) await host.cgroups.remove(name);
  });
  await each(host, "network slot", await host.claims.owned(), async (slot) => {
    if (!slots.has(slot) && !ready.has(slot)) await host.slots.release(slotAddresses(slot));
  });
  await each(host, "socket folder", await listFolders(host.layout.run), async (name) => {
    if (isMachineName(name) && !ids.has(name)) await rm(`${host.layout.run}/${name}`, { recursive: true, force: true });
  });
  await each(host, "folder", strayFolders, (path) => rm(path, { recursive: true, force: true }));
}

async function each<T extends string | number>(
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

/** Pids of the VMMs whose control socket lies in this instance's folder. */
export async function findVmms(runDir: string): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const args = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
      return args.some((arg) => arg.startsWith(`unix:${runDir}/`) && arg.includes("/qmp.sock")) ? pid : undefined;
    }),
  );
  return found.filter((pid) => pid !== undefined);
}

/** Capsules, and the machines that make templates. */
function isMachineName(name: string): boolean {
  return name.startsWith("cl-") || name.startsWith("template-");
}

async function listFolders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}
