/** Where a machine's snapshot folders lie: the one it runs from or is paused in has the number of its generation. */
import { readdir, rm } from "node:fs/promises";
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import type { HostContext } from "../host.ts";
import { describe, openSnapshot, removeFolder, type Snapshot } from "../snapshots/folder.ts";
import { isLayer, readManifest } from "../snapshots/manifest.ts";
import type { MachineRecord } from "./record.ts";

const PREFIX = "gen-";

export function generationName(generation: number): string {
  return `${PREFIX}${generation}`;
}

export function generationDir(host: Pick<HostContext, "journal">, id: string, generation: number): string {
  return `${host.journal.machineDir(id)}/${generationName(generation)}`;
}

/** The snapshot that the machine runs from or is paused in. @throws snapshot_missing, snapshot_corrupt, snapshot_incompatible */
export function openSaved(host: HostContext, { id, generation }: MachineRecord): Promise<Snapshot> {
  return openSnapshot(generationDir(host, id, generation), host.driver.capabilities);
}

/** The same of a machine that runs: its files were checked when it started from them, and are mapped since. */
export async function savedInUse(host: HostContext, { id, generation }: MachineRecord): Promise<Snapshot> {
  const folder = generationDir(host, id, generation);
  const manifest = await readManifest(folder);
  if (manifest === undefined) throw new WrennError("snapshot_missing", `there is no snapshot in ${folder}`);
  return describe(folder, manifest);
}

/** Whether a whole snapshot of that generation was published. */
export async function isPublished(host: HostContext, id: string, generation: number): Promise<boolean> {
  try {
    await openSnapshot(generationDir(host, id, generation), host.driver.capabilities);
    return true;
  } catch (error) {
    // One that this host cannot use now was published all the same.
    if (hasCode(error, "snapshot_missing")) return false;
    if (error instanceof WrennError) return true;
    throw error;
  }
}

/** Removes everything in the machine's folder that its record does not name: older generations, half-made ones, old layers. */
export async function tidyMachine(host: HostContext, { id, generation, overlays }: MachineRecord): Promise<void> {
  const folder = host.journal.machineDir(id);
  const current = generationName(generation);
  for (const name of await readdir(folder)) {
    if (name === current || overlays.includes(name)) continue;
    if (name.startsWith(PREFIX)) await removeFolder(`${folder}/${name}`);
    else if (name.startsWith(".")) await rm(`${folder}/${name}`, { recursive: true, force: true });
    else if (isLayer(name) || name === STATE_FILE) await rm(`${folder}/${name}`, { force: true });
  }
}

/** The file in the machine's folder that the VMM writes its device state to. */
export const STATE_FILE = "device-state";
