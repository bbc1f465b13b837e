/**
 * Everything a capsule boots from: guest kernel, initramfs, agent disk and base images. `prepareArtifacts` makes what is
 * missing, `loadArtifacts` only finds it, `verifyArtifacts` reads every byte of it.
 */
import { createHash } from "node:crypto";
import { mkdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import type { BASE_TEMPLATES } from "@wrenn/protocol/limits";
import { AGENT_DISK_FILE, agentDiskRecipe } from "./agent-disk.ts";
import { BASE_IMAGE_FILE, baseImageRecipe, imageSize } from "./base-image.ts";
import { hostDistribution, requireSupportedPlatform } from "./distribution.ts";
import { type Report, reportStep } from "./events.ts";
import { withFileLock } from "./file-lock.ts";
import { INITRAMFS_FILE, initramfsRecipe } from "./initramfs.ts";
import { KERNEL_FILE, kernelRecipe, MODULES_FOLDER, readKernelRelease } from "./kernel.ts";
import { type Artifact, findArtifact, makeArtifact, type Recipe, sweepCache, verifyArtifact } from "./store.ts";
import { toolsRecipe } from "./tools.ts";

/** One file a VMM opens; the hash names everything it was made from. */
export interface BootFile {
  readonly path: string;
  /** 16 hex digits */
  readonly hash: string;
}

export interface KernelArtifact extends BootFile {
  /** "6.1.0-56-cloud-amd64" */
  readonly version: string;
  readonly modulesDir: string;
}

export interface BaseImage extends BootFile {
  /** bytes of the disk; the file is sparse */
  readonly sizeBytes: number;
}

export interface Artifacts {
  readonly kernel: KernelArtifact;
  readonly initramfs: BootFile;
  readonly agentDisk: BootFile;
  readonly baseImages: Readonly<Record<(typeof BASE_TEMPLATES)[number], BaseImage>>;
  /** of all of them together: a template's snapshot fits only this set */
  readonly hash: string;
}

export interface ArtifactOptions {
  /** the cache folder, `layout.cache` */
  readonly cache: string;
  /** a bzImage in place of the distribution's kernel, and the folder of its modules */
  readonly kernelPath?: string | undefined;
  readonly kernelModulesPath?: string | undefined;
}

export interface PrepareOptions extends ArtifactOptions {
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
}

/** The tree and the file system of a base image lie side by side for a moment. */
const BUILD_SPACE_MB = 1500;

type Get = (recipe: Recipe) => Promise<Artifact>;

/**
 * Makes what is missing or damaged; without either it needs no network. One process builds, others wait for it.
 * @throws setup_failed, kernel_invalid, unsupported_platform, program_missing; a later call goes on where this one stopped
 */
export async function prepareArtifacts(options: PrepareOptions): Promise<Artifacts> {
  requireSupportedPlatform();
  const found = await collect(options, getExisting(options.cache)).catch((error: unknown) => {
    if (hasCode(error, "setup_required", "artifact_corrupt")) return undefined;
    throw error;
  });
  if (found !== undefined) {
    options.report({ step: "artifacts", status: "cached" });
    return found;
  }
  return withCacheLock(options, async () => {
    await requireFreeSpace(options.cache);
    return collect(options, (recipe) => getOrMake(recipe, options));
  });
}

async function requireFreeSpace(cache: string): Promise<void> {
  const { bavail, bsize } = await statfs(cache);
  const freeMb = Math.floor((bavail * bsize) / 1024 ** 2);
  if (freeMb < BUILD_SPACE_MB) {
    throw new WrennError(
      "disk_full",
      `${cache} has ${freeMb} MiB free; making what capsules boot from needs ${BUILD_SPACE_MB}`,
    );
  }
}

/** @throws setup_required naming the first part that is missing, artifact_corrupt or kernel_invalid for a damaged one */
export async function loadArtifacts(options: ArtifactOptions): Promise<Artifacts> {
  requireSupportedPlatform();
  return collect(options, getExisting(options.cache));
}

/** Like `loadArtifacts`, and reads every byte: seconds. @throws artifact_corrupt naming the first damaged file */
export async function verifyArtifacts(options: ArtifactOptions): Promise<Artifacts> {
  const get = getExisting(options.cache);
  return collect(options, async (recipe) => {
    const artifact = await get(recipe);
    await verifyArtifact(artifact);
    return artifact;
  });
}

/** Runs `body` as the only process that writes into the cache, after removing what a killed one left. */
export async function withCacheLock<T>(options: PrepareOptions, body: () => Promise<T>): Promise<T> {
  await mkdir(options.cache, { recursive: true, mode: 0o755 });
  const onWait = () =>
    options.report({ step: "lock", status: "progress", message: "waiting for another setup to finish" });
  return withFileLock(join(options.cache, "lock"), { signal: options.signal, onWait }, async () => {
    await sweepCache(options.cache);
    return body();
  });
}

/** Finds or makes one artefact under the cache's lock, with its step reported. */
export async function getOrMake(recipe: Recipe, { cache, report, signal }: PrepareOptions): Promise<Artifact> {
  signal?.throwIfAborted();
  const found = await findArtifact(cache, recipe).catch(() => undefined);
  if (found !== undefined) {
    report({ step: recipe.kind, status: "cached", message: recipe.title });
    return found;
  }
  try {
    return await reportStep(report, recipe.kind, recipe.title, () => makeArtifact(cache, recipe));
  } catch (error) {
    signal?.throwIfAborted();
    throw WrennError.from(error, "setup_failed", `${recipe.title}: ${error instanceof Error ? error.message : error}`);
  }
}

function getExisting(cache: string): Get {
  return async (recipe) => {
    const found = await findArtifact(cache, recipe);
    if (found === undefined) throw new WrennError("setup_required", `${cache} has no ${recipe.title} for this version`);
    return found;
  };
}

/** Gets each part in order; later ones are made from earlier ones. */
async function collect(options: ArtifactOptions & Partial<PrepareOptions>, get: Get): Promise<Artifacts> {
  const { cache, report, signal, kernelPath, kernelModulesPath } = options;
  const distribution = hostDistribution();
  const given = kernelPath === undefined ? undefined : { kernelPath, modulesPath: kernelModulesPath };
  const onOutput = (text: string) => {
    const message = text.trim().split("\n").at(-1) ?? "";
    report?.({ step: "base-minimal", status: "progress", message });
  };

  const kernel = await get(await kernelRecipe({ cache, distribution, given, signal }));
  const tools = await get(toolsRecipe({ cache, distribution, signal }));
  const initramfs = await get(await initramfsRecipe(kernel, tools));
  const agentDisk = await get(await agentDiskRecipe(tools));
  const minimal = await get(await baseImageRecipe("minimal", { distribution, signal, onOutput }));

  const kernelPathInCache = join(kernel.path, KERNEL_FILE);
  return {
    kernel: {
      ...bootFile(kernel, KERNEL_FILE),
      version: await readKernelRelease(kernelPathInCache),
      modulesDir: join(kernel.path, MODULES_FOLDER),
    },
    initramfs: bootFile(initramfs, INITRAMFS_FILE),
    agentDisk: bootFile(agentDisk, AGENT_DISK_FILE),
    baseImages: { minimal: { ...bootFile(minimal, BASE_IMAGE_FILE), sizeBytes: await imageSize(minimal) } },
    hash: hashOf([kernel, initramfs, agentDisk, minimal]),
  };
}

function bootFile(artifact: Artifact, file: string): BootFile {
  return { path: join(artifact.path, file), hash: artifact.name.slice(artifact.kind.length + 1) };
}

function hashOf(artifacts: readonly Artifact[]): string {
  const names = artifacts.map((artifact) => artifact.name).join("\n");
  return createHash("sha256").update(names).digest("hex").slice(0, 16);
}
