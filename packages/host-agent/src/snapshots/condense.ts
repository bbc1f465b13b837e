/** Makes of a snapshot another one of the same machine with fewer files: its diff merged, its disk layers made one. */
import { randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import type { OverlayMaker } from "../disk/overlay.ts";
import { mergeMemory } from "../memory/merge.ts";
import type { VmmDriver } from "../vmm/contract.ts";
import { draftOf, linkFiles, type ManifestDraft, type NewFile, type Snapshot, sealFolder } from "./folder.ts";
import { FILES, isLayer, layerName, type Manifest, memoryOf } from "./manifest.ts";

export interface CondenseLimits {
  /** bytes of a diff from which on it is merged */
  readonly mergeAbove: number;
  /** disk layers from which on they become one */
  readonly maxLayers: number;
}

export interface CondenseOptions extends CondenseLimits {
  readonly overlays: OverlayMaker;
  readonly driver: Pick<VmmDriver, "mergeLayers">;
  readonly signal: AbortSignal;
  /** awaited when a part is done, or turned out not to be needed */
  readonly onPart?: (part: "merge_memory" | "merge_disk") => Promise<void>;
}

/** Layer next to the base image: a template's, shared by all who descend from it. */
const SHARED_LAYERS = 1;

export async function needsCondensing(snapshot: Snapshot, limits: CondenseLimits): Promise<boolean> {
  return (await mustMerge(snapshot, limits)) || mustFlatten(snapshot, limits);
}

async function mustMerge({ diff }: Snapshot, { mergeAbove }: CondenseLimits): Promise<boolean> {
  return diff !== undefined && (await stat(diff)).size > mergeAbove;
}

function mustFlatten({ manifest }: Snapshot, { maxLayers }: CondenseLimits): boolean {
  return manifest.layers > Math.max(maxLayers, SHARED_LAYERS + 1);
}

/** Leaves a whole snapshot in `temporary`, on disk, without its name. What needs no work is linked. */
export async function condense(
  snapshot: Snapshot,
  temporary: string,
  changes: Partial<ManifestDraft>,
  options: CondenseOptions,
): Promise<Manifest> {
  const { manifest } = snapshot;
  const merge = await mustMerge(snapshot, options);
  const flatten = mustFlatten(snapshot, options);
  const newFiles: NewFile[] = [];
  const linked = await linkFiles(snapshot, temporary, (name) => {
    if (isLayer(name)) return !flatten || name === layerName(SHARED_LAYERS);
    return !merge || (name !== FILES.memory && name !== FILES.diff);
  });
  if (merge && snapshot.diff !== undefined) {
    const target = `${temporary}/${FILES.memory}`;
    const { signal } = options;
    await mergeMemory({ ...memoryOf(manifest), base: snapshot.memory, diff: snapshot.diff, target, signal });
    newFiles.push({ name: FILES.memory, checksum: true });
  }
  await options.onPart?.("merge_memory");
  if (flatten) {
    const name = layerName(SHARED_LAYERS + 1);
    const target = `${temporary}/${name}`;
    const shared = manifest.layers - SHARED_LAYERS;
    await options.overlays.make(target, manifest.diskSizeMb, 0);
    const [layers, base] = [snapshot.disks.slice(0, shared), snapshot.disks.slice(shared)];
    await options.driver.mergeLayers({ target, layers, base }, options.signal);
    newFiles.push({ name, checksum: false });
  }
  await options.onPart?.("merge_disk");
  const draft = {
    ...draftOf(manifest),
    memoryId: merge ? randomBytes(16).toString("hex") : manifest.memoryId,
    layers: flatten ? SHARED_LAYERS + 1 : manifest.layers,
    ...changes,
  };
  return sealFolder(temporary, draft, { newFiles, linked });
}
