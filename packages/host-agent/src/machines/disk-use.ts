/** How much of the host's disk the layers of a machine take: all of those that lie over the base image. */
import { readdir } from "node:fs/promises";
import type { HostBase } from "../host.ts";
import { allocatedBytes } from "../memory/sparse.ts";
import { isLayer } from "../snapshots/manifest.ts";
import type { MachineRecord } from "./record.ts";
import { generationDir } from "./saved.ts";

/** Allocated bytes of the layers that it was started from. They do not change while it runs. */
export async function savedDiskBytes(host: Pick<HostBase, "journal">, record: MachineRecord): Promise<number> {
  const folder = generationDir(host, record.id, record.generation);
  const names = await readdir(folder);
  return sum(names.filter(isLayer).map((name) => `${folder}/${name}`));
}

/** Allocated bytes of the layers that it has added. */
export function ownDiskBytes(host: Pick<HostBase, "journal">, { id, overlays }: MachineRecord): Promise<number> {
  return sum(overlays.map((name) => `${host.journal.machineDir(id)}/${name}`));
}

async function sum(paths: string[]): Promise<number> {
  const sizes = await Promise.all(paths.map((path) => allocatedBytes(path).catch(() => 0)));
  return sizes.reduce((all, size) => all + size, 0);
}
