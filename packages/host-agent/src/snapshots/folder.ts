/**
 * Snapshot folders: published in one step, immutable from then on. A folder that goes on from another one holds hard links to
 * its files, so every folder is complete by itself, and the file system frees a file with its last user.
 */
import { chmod, chown, link, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";
import { syncDirectory, writeFileAtomic } from "@wrenn/runtime/atomic-file";
import type { BackingFile } from "../disk/overlay.ts";
import { DiffReader } from "../memory/diff-reader.ts";
import { allocatedBytes } from "../memory/sparse.ts";
import { checksumFile } from "../memory/verify.ts";
import {
  FILES,
  type FileFacts,
  layerName,
  MANIFEST,
  type Manifest,
  memoryOf,
  readManifest,
  SNAPSHOT_VERSION,
} from "./manifest.ts";

/** A folder that was read and checked: everything to start a machine from. */
export interface Snapshot {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly memory: string;
  readonly diff: string | undefined;
  readonly state: string;
  /** newest first; the base image is the last */
  readonly disks: readonly BackingFile[];
}

/** Where a folder is made until it is published; a name that starts so belongs to nobody after a restart. */
const HALF_MADE = ".";

export function temporaryName(folder: string): string {
  return `${dirname(folder)}/${HALF_MADE}${basename(folder)}.tmp`;
}

export function isHalfMade(name: string): boolean {
  return name.startsWith(HALF_MADE);
}

/** An empty folder that `publish` will give its name; what an earlier attempt left there is removed. */
export async function beginFolder(folder: string): Promise<string> {
  const temporary = temporaryName(folder);
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true, mode: 0o700 });
  return temporary;
}

export interface NewFile {
  readonly name: string;
  /** read it all and keep its checksum */
  readonly checksum: boolean;
}

export type ManifestDraft = Omit<Manifest, "version" | "createdAt" | "files" | "ownBytes">;

/** What a snapshot that goes on from another one takes over. */
export function draftOf(manifest: Manifest): ManifestDraft {
  const { version: _version, createdAt: _createdAt, files: _files, ownBytes: _ownBytes, ...draft } = manifest;
  return draft;
}

/**
 * Writes the manifest over the files that lie in `temporary`: those of `from`, linked, keep what is known of them; the others
 * are new. Everything is on disk when it returns; the folder has its name only after `publishFolder`.
 */
export async function sealFolder(
  temporary: string,
  draft: ManifestDraft,
  { newFiles, linked }: { newFiles: readonly NewFile[]; linked: Readonly<Record<string, FileFacts>> },
): Promise<Manifest> {
  const files: Record<string, FileFacts> = { ...linked };
  let ownBytes = 0;
  for (const { name, checksum } of newFiles) {
    const path = `${temporary}/${name}`;
    await settle(path);
    const { size, mtimeMs } = await stat(path);
    files[name] = { size, mtimeMs, ...(checksum ? { checksum: await checksumFile(path) } : {}) };
    ownBytes += await allocatedBytes(path);
  }
  const manifest: Manifest = {
    version: SNAPSHOT_VERSION,
    createdAt: new Date().toISOString(),
    ...draft,
    files,
    ownBytes,
  };
  await writeFileAtomic(`${temporary}/${MANIFEST}`, `${JSON.stringify(manifest)}\n`, 0o444);
  return manifest;
}

/** Gives a sealed folder its name: from here on it exists, after any crash. @throws when there is one of that name */
export async function publishFolder(temporary: string, folder: string): Promise<void> {
  await rename(temporary, folder);
  await syncDirectory(dirname(folder));
}

/** A folder that is filled, sealed by `fill`, and published; when that fails nothing is left of it. */
export async function makeFolder<T>(folder: string, fill: (temporary: string) => Promise<T>): Promise<T> {
  const temporary = await beginFolder(folder);
  try {
    const result = await fill(temporary);
    await publishFolder(temporary, folder);
    return result;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Links the files of a snapshot into another folder. Returns what is known of them. */
export async function linkFiles(
  from: Pick<Snapshot, "folder" | "manifest">,
  target: string,
  wanted: (name: string) => boolean = () => true,
): Promise<Record<string, FileFacts>> {
  const names = Object.keys(from.manifest.files).filter(wanted);
  await Promise.all(names.map((name) => link(`${from.folder}/${name}`, `${target}/${name}`)));
  return Object.fromEntries(Object.entries(from.manifest.files).filter(([name]) => names.includes(name)));
}

/** Publishes a complete copy of a snapshot under another name, which costs no space. */
export async function copyFolder(from: Snapshot, folder: string, changes: Partial<ManifestDraft> = {}): Promise<void> {
  await makeFolder(folder, async (temporary) => {
    const linked = await linkFiles(from, temporary);
    await sealFolder(temporary, { ...draftOf(from.manifest), ...changes }, { newFiles: [], linked });
  });
}

export interface HostFacts {
  readonly snapshotFormat: string;
}

/**
 * Reads a snapshot and makes sure that this host can go on from it. Content is read only where the time of change differs from
 * what the manifest says. @throws snapshot_missing, snapshot_corrupt, snapshot_incompatible; nothing is changed
 */
export async function openSnapshot(folder: string, host: HostFacts): Promise<Snapshot> {
  const manifest = await readManifest(folder);
  if (manifest === undefined) throw new WrennError("snapshot_missing", `there is no snapshot in ${folder}`);
  if (manifest.snapshotFormat !== host.snapshotFormat) {
    throw new WrennError(
      "snapshot_incompatible",
      `the snapshot was saved by "${manifest.snapshotFormat}", and this host runs "${host.snapshotFormat}"`,
    );
  }
  for (const [what, path] of [
    ["base image", manifest.baseImage],
    ["agent disk", manifest.agentDisk],
  ]) {
    if (path === undefined || !(await exists(path))) {
      throw new WrennError("snapshot_incompatible", `the ${what} that the snapshot stands on is gone: ${path}`);
    }
  }
  await Promise.all(Object.entries(manifest.files).map(([name, facts]) => checkFile(folder, name, facts)));
  return describe(folder, manifest);
}

export function describe(folder: string, manifest: Manifest): Snapshot {
  const layers = Array.from({ length: manifest.layers }, (_, i) => layerName(manifest.layers - i));
  return {
    folder,
    manifest,
    memory: `${folder}/${FILES.memory}`,
    diff: FILES.diff in manifest.files ? `${folder}/${FILES.diff}` : undefined,
    state: `${folder}/${FILES.state}`,
    disks: [
      ...layers.map((name) => ({ path: `${folder}/${name}`, format: "qcow2" as const })),
      { path: manifest.baseImage, format: "raw" as const },
    ],
  };
}

async function checkFile(folder: string, name: string, facts: FileFacts): Promise<void> {
  const path = `${folder}/${name}`;
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new WrennError("snapshot_corrupt", `the snapshot file ${path} is missing`);
  if (found.size !== facts.size) {
    const message = `the snapshot file ${path} has ${found.size} bytes instead of ${facts.size}`;
    throw new WrennError("snapshot_corrupt", message);
  }
  // A file that was put back from a backup has another time and the same content. Device state is so small that it is always read.
  if (found.mtimeMs === facts.mtimeMs && name !== FILES.state) return;
  if (facts.checksum !== undefined && (await checksumFile(path)) === facts.checksum) return;
  // The diff carries checksums of its own, which every reader checks.
  if (name === FILES.diff) return;
  throw new WrennError("snapshot_corrupt", `the snapshot file ${path} was changed since it was saved`);
}

/** Reads everything that has a checksum, where opening it trusts the times of change. @throws snapshot_corrupt */
export async function verifySnapshot({ folder, manifest, diff }: Snapshot): Promise<void> {
  for (const [name, { checksum }] of Object.entries(manifest.files)) {
    if (checksum !== undefined && (await checksumFile(`${folder}/${name}`)) !== checksum)
      throw new WrennError("snapshot_corrupt", `the snapshot file ${folder}/${name} is damaged`);
  }
  if (diff === undefined) return;
  await using reader = await DiffReader.open(diff, memoryOf(manifest));
  await reader.verify();
}

/** Removes a folder in one step: after a crash it is there or on its way out. */
export async function removeFolder(folder: string): Promise<void> {
  const trash = `${dirname(folder)}/${HALF_MADE}trash-${basename(folder)}`;
  await rm(trash, { recursive: true, force: true });
  try {
    await rename(folder, trash);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  await rm(trash, { recursive: true, force: true });
}

/** Removes what operations that were cut off left in a folder of snapshot folders. */
export async function sweepHalfMade(parent: string, known: ReadonlySet<string> = new Set()): Promise<void> {
  const names = await readdir(parent).catch(() => []);
  for (const name of names) {
    if (isHalfMade(name) && !known.has(`${parent}/${name}`))
      await rm(`${parent}/${name}`, { recursive: true, force: true });
  }
}

/** On disk, root's, and written by nobody any more. */
async function settle(path: string): Promise<void> {
  await chown(path, 0, 0);
  await chmod(path, 0o444);
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
