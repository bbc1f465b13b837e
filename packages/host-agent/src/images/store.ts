/**
 * The cache of artefacts: folders that never change, named by their kind and a hash of everything they are made from, each
 * with a manifest of its files. What had to be looked up on the network (which kernel is current?) is remembered in an
 * index, so that an artefact once made is found again offline.
 */
import { createHash } from "node:crypto";
import { chmod, lstat, mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";
import { publishDirectory, readJson, syncDirectory, writeFileAtomic } from "@wrenn/runtime/atomic-file";
import { z } from "zod";

/** Everything that decides what an artefact holds: versions, recipe hashes, names of other artefacts. */
export type Inputs = Readonly<Record<string, string>>;

/** How to make one artefact. Two recipes with the same kind and inputs make the same thing. */
export interface Recipe {
  readonly kind: string;
  /** what people call it */
  readonly title: string;
  /** inputs known without the network */
  readonly inputs: Inputs;
  /** Looks up or fetches the rest of the inputs, keeping what it fetched in `scratch`. */
  readonly resolve?: (scratch: string) => Promise<Inputs>;
  /** Fills the folder `target`; `scratch` is the same as before and is thrown away afterwards. */
  readonly build: (target: string, scratch: string) => Promise<void>;
}

export interface Artifact {
  readonly kind: string;
  readonly title: string;
  /** name of the folder: kind and hash */
  readonly name: string;
  readonly path: string;
  readonly inputs: Inputs;
  /** by path below the folder */
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly size: number }>>;
}

const MANIFEST = "manifest.json";
const INDEX = "artifacts.json";

const manifestSchema = z.object({
  kind: z.string(),
  inputs: z.record(z.string(), z.string()),
  files: z.record(z.string(), z.object({ sha256: z.string(), size: z.number() })),
});
const indexSchema = z.record(z.string(), z.string());

/** The same for the same inputs in any order: 16 hex digits. */
export function hashInputs(inputs: Inputs): string {
  const sorted = Object.entries(inputs).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(sorted)).digest("hex").slice(0, 16);
}

export async function sha256File(path: string): Promise<string> {
  const hash = createHash("sha256");
  const buffer = Buffer.alloc(1024 * 1024);
  const file = await open(path, "r");
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return hash.digest("hex");
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

async function readIndex(cache: string): Promise<Record<string, string>> {
  const parsed = indexSchema.safeParse(await readJson(join(cache, INDEX)).catch(() => undefined));
  return parsed.success ? parsed.data : {};
}

/**
 * The artefact if it has been made, with the sizes of its files checked.
 * @throws artifact_corrupt when a file is missing or has another size
 */
export async function findArtifact(cache: string, recipe: Recipe): Promise<Artifact | undefined> {
  const request = `${recipe.kind}-${hashInputs(recipe.inputs)}`;
  const name = recipe.resolve === undefined ? request : (await readIndex(cache))[request];
  return name === undefined ? undefined : readArtifact(join(cache, name), name, recipe.title);
}

async function readArtifact(path: string, name: string, title: string): Promise<Artifact | undefined> {
  const content = await readJson(join(path, MANIFEST)).catch((cause: unknown) => {
    throw new WrennError("artifact_corrupt", `${title}: ${path}/${MANIFEST} cannot be read`, { cause });
  });
  if (content === undefined) return undefined;
  const manifest = manifestSchema.safeParse(content);
  if (!manifest.success) throw new WrennError("artifact_corrupt", `${title}: ${path}/${MANIFEST} is not a manifest`);
  for (const [file, { size }] of Object.entries(manifest.data.files)) {
    const found = await stat(join(path, file)).catch(() => undefined);
    if (found?.size !== size) {
      const state = found === undefined ? "is missing" : `has ${found.size} bytes instead of ${size}`;
      throw new WrennError("artifact_corrupt", `${title}: ${join(path, file)} ${state}`);
    }
  }
  return { ...manifest.data, title, name, path };
}

/** Reads every byte. @throws artifact_corrupt naming the file that is not what was made */
export async function verifyArtifact(artifact: Artifact): Promise<void> {
  for (const [file, { sha256 }] of Object.entries(artifact.files)) {
    const path = join(artifact.path, file);
    if ((await sha256File(path)) !== sha256) {
      throw new WrennError("artifact_corrupt", `${artifact.title}: ${path} does not match its checksum`);
    }
  }
}

/** Makes the artefact, in place of a damaged one if there is one. The caller holds the lock of the cache. */
export async function makeArtifact(cache: string, recipe: Recipe): Promise<Artifact> {
  const scratch = join(cache, `.${recipe.kind}.tmp`);
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  try {
    const resolved = await recipe.resolve?.(scratch);
    const inputs = { ...recipe.inputs, ...resolved };
    const name = `${recipe.kind}-${hashInputs(inputs)}`;
    const path = join(cache, name);
    const existing = await readArtifact(path, name, recipe.title).catch(() => undefined);
    if (existing === undefined) {
      await setAside(path);
      await publishDirectory(path, async (target) => {
        await recipe.build(target, scratch);
        await seal(target, recipe.kind, inputs);
      });
    }
    if (resolved !== undefined) await remember(cache, `${recipe.kind}-${hashInputs(recipe.inputs)}`, name);
    const made = existing ?? (await readArtifact(path, name, recipe.title));
    if (made === undefined) throw new WrennError("setup_failed", `${recipe.title}: ${path} is gone again`);
    return made;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** What runs from a damaged artefact keeps its open files; the sweep removes the folder. */
async function setAside(path: string): Promise<void> {
  await rename(path, join(path, "..", `.${Date.now()}.tmp`)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
}

async function remember(cache: string, request: string, name: string): Promise<void> {
  const index = { ...(await readIndex(cache)), [request]: name };
  await writeFileAtomic(join(cache, INDEX), `${JSON.stringify(index, null, 2)}\n`, 0o644);
}

/** Writes the manifest, makes everything readable by all and writable by none, and brings it to the disk. */
async function seal(target: string, kind: string, inputs: Inputs): Promise<void> {
  const files: Record<string, { sha256: string; size: number }> = {};
  const entries = await readdir(target, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) {
      await chmod(path, 0o755);
      await syncDirectory(path);
    } else if (entry.isFile()) {
      const { mode, size } = await lstat(path);
      files[relative(target, path)] = { sha256: await sha256File(path), size };
      await chmod(path, (mode & 0o100) === 0 ? 0o444 : 0o555);
      await syncFile(path);
    }
  }
  const sorted = Object.fromEntries(Object.entries(files).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const manifest = join(target, MANIFEST);
  await writeFile(manifest, `${JSON.stringify({ kind, inputs, files: sorted }, null, 2)}\n`, { mode: 0o444 });
  await syncFile(manifest);
  await chmod(target, 0o755);
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Removes what a killed setup left half-made. The caller holds the lock of the cache. */
export async function sweepCache(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    if (name.endsWith(".tmp")) await rm(join(cache, name), { recursive: true, force: true });
  }
}
