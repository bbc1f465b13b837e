/** Makes a snapshot folder of what was captured. What did not change is linked; a diff is kept, or merged when it is large. */
import { randomBytes } from "node:crypto";
import { link, rm, stat } from "node:fs/promises";
import type { HostContext } from "../host.ts";
import { mergeMemory } from "../memory/merge.ts";
import { draftOf, linkFiles, type NewFile, sealFolder } from "../snapshots/folder.ts";
import { FILES, isLayer, layerName, type Manifest, memoryOf } from "../snapshots/manifest.ts";
import type { Captured } from "./capture.ts";
import type { MachineRecord } from "./record.ts";

export interface SealOptions {
  /** frozen layers of the machine's folder, newest first */
  readonly overlays: readonly string[];
  /** bytes of a diff from which on it is merged into a memory file of its own */
  readonly mergeAbove: number;
}

/** Leaves in `temporary` a whole snapshot, on disk, without its name. */
export async function sealCapture(
  host: HostContext,
  record: MachineRecord,
  { base, clock }: Captured,
  temporary: string,
  { overlays, mergeAbove }: SealOptions,
): Promise<Manifest> {
  const { manifest } = base;
  const diff = `${temporary}/${FILES.diff}`;
  const merge = (await stat(diff)).size > mergeAbove;
  const linked = await linkFiles(base, temporary, (name) => isLayer(name) || (!merge && name === FILES.memory));
  if (merge) {
    const target = `${temporary}/${FILES.memory}`;
    await mergeMemory({ ...memoryOf(manifest), base: base.memory, diff, target });
    await rm(diff);
  }
  const folder = host.journal.machineDir(record.id);
  // A machine whose layers were made fewer while it ran has left out numbers; a snapshot has none to leave out.
  const layers = manifest.layers + overlays.length;
  const names = overlays.map((_name, age) => layerName(layers - age));
  await Promise.all(overlays.map((name, age) => link(`${folder}/${name}`, `${temporary}/${names[age]}`)));
  const newFiles: NewFile[] = [
    { name: FILES.state, checksum: true },
    merge ? { name: FILES.memory, checksum: true } : { name: FILES.diff, checksum: false },
    ...names.map((name) => ({ name, checksum: false })),
  ];
  const draft = {
    ...draftOf(manifest),
    clock,
    memoryId: merge ? randomBytes(16).toString("hex") : manifest.memoryId,
    diskSizeMb: record.diskSizeMb,
    generation: record.generation,
    layers,
  };
  return sealFolder(temporary, draft, { newFiles, linked });
}
