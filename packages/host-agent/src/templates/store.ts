/**
 * The snapshots that capsules start from, one a base image and shape. A template's folder is published in one step and
 * never changes: memory, device state, frozen disk, and an empty overlay to copy.
 */
import { chmod, mkdir, readdir, rm, stat } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";
import { publishDirectory, readJson, writeFileAtomic } from "@wrenn/runtime/atomic-file";
import { Semaphore, Singleflight } from "@wrenn/runtime/locks";
import type { Logger } from "@wrenn/runtime/logger";
import { z } from "zod";
import type { BackingFile } from "../disk/overlay.ts";
import type { Artifacts } from "../images/artifacts.ts";
import type { Shape } from "./key.ts";
import { templateKey } from "./key.ts";

export const TEMPLATE_FILES = {
  memory: "memory",
  state: "state",
  disk: "disk.qcow2",
  emptyOverlay: "overlay.qcow2",
} as const;

const MANIFEST = "manifest.json";

const manifestSchema = z.object({
  version: z.literal(1),
  key: z.string(),
  template: z.string(),
  vcpus: z.int(),
  memoryMb: z.int(),
  kernelVersion: z.string(),
  createdAt: z.string(),
  /** bytes of each file, to notice one that was cut short */
  sizes: z.record(z.enum(Object.values(TEMPLATE_FILES)), z.int()),
});

export interface Template {
  readonly memory: string;
  readonly state: string;
  readonly emptyOverlay: string;
  /** what an overlay stands on, newest first */
  readonly diskChain: readonly BackingFile[];
  readonly agentDisk: string;
  readonly kernelVersion: string;
  /** made by this very call, with a cold boot */
  readonly fresh: boolean;
}

export interface TemplateStoreOptions {
  readonly folder: string;
  readonly artifacts: Artifacts;
  readonly snapshotFormat: string;
  readonly kernelArgs: readonly string[];
  readonly logger: Logger;
  /** boots the image cold and leaves the files of TEMPLATE_FILES in the folder */
  readonly build: (name: string, shape: Shape, baseImage: string, target: string) => Promise<void>;
}

export class TemplateStore {
  readonly #options: TemplateStoreOptions;
  readonly #builds = new Singleflight<Template>();
  /** cold boots take all the CPU there is: one after the other is not slower */
  readonly #oneBoot = new Semaphore(1);

  constructor(options: TemplateStoreOptions) {
    this.#options = options;
  }

  /** Names that `ensure` knows. */
  get names(): string[] {
    return Object.keys(this.#options.artifacts.baseImages);
  }

  /** The snapshot of a shape, made by a cold boot when there is none. @throws template_missing, boot_timeout, vmm_failed */
  async ensure(name: string, shape: Shape): Promise<Template> {
    const folder = this.#folderOf(name, shape);
    return (
      (await this.#load(name, folder)) ??
      this.#builds.run(folder, () => this.#oneBoot.run(() => this.#make(name, shape, folder)))
    );
  }

  /** Whether `ensure` would find it without a cold boot. */
  async has(name: string, shape: Shape): Promise<boolean> {
    return (await this.#load(name, this.#folderOf(name, shape))) !== undefined;
  }

  /** Removes what a build that was cut off left behind. */
  async sweep(): Promise<void> {
    await mkdir(this.#options.folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#options.folder)) {
      if (name.startsWith(".")) await rm(`${this.#options.folder}/${name}`, { recursive: true, force: true });
    }
  }

  #baseImage(name: string): string {
    const images: Readonly<Record<string, { readonly path: string }>> = this.#options.artifacts.baseImages;
    const image = Object.hasOwn(images, name) ? images[name] : undefined;
    if (image === undefined) throw new WrennError("template_missing", `template "${name}" does not exist`);
    return image.path;
  }

  #folderOf(name: string, { vcpus, memoryMb }: Shape): string {
    this.#baseImage(name);
    const shape = { vcpus, memoryMb };
    const { artifacts, snapshotFormat, kernelArgs } = this.#options;
    const key = templateKey({ template: name, shape, artifacts: artifacts.hash, snapshotFormat, kernelArgs });
    return `${this.#options.folder}/${key}`;
  }

  async #make(name: string, shape: Shape, folder: string): Promise<Template> {
    const { build, logger, artifacts } = this.#options;
    logger.info({ op: "template", template: name, ...shape }, "booting cold to make a template");
    await publishDirectory(folder, async (target) => {
      await build(name, shape, this.#baseImage(name), target);
      const sizes: Record<string, number> = {};
      for (const file of Object.values(TEMPLATE_FILES)) {
        sizes[file] = (await stat(`${target}/${file}`)).size;
        await chmod(`${target}/${file}`, 0o444);
      }
      const { vcpus, memoryMb } = shape;
      const key = folder.slice(folder.lastIndexOf("/") + 1);
      const kernelVersion = artifacts.kernel.version;
      const facts = {
        version: 1,
        key,
        template: name,
        vcpus,
        memoryMb,
        kernelVersion,
        createdAt: new Date().toISOString(),
        sizes,
      };
      await writeFileAtomic(`${target}/${MANIFEST}`, `${JSON.stringify(facts, undefined, 2)}\n`, 0o444);
    });
    const made = await this.#load(name, folder);
    if (made === undefined) throw new WrennError("vmm_failed", `the template "${name}" could not be made`);
    return { ...made, fresh: true };
  }

  /** A folder that is damaged is refused, not repaired: a capsule may be running from it. */
  async #load(name: string, folder: string): Promise<Template | undefined> {
    const content = await readJson(`${folder}/${MANIFEST}`);
    if (content === undefined) return undefined;
    const manifest = manifestSchema.safeParse(content);
    if (!manifest.success) throw new WrennError("artifact_corrupt", `the template in ${folder} has no valid manifest`);
    for (const [file, size] of Object.entries(manifest.data.sizes)) {
      const found = await stat(`${folder}/${file}`).catch(() => undefined);
      if (found?.size !== size)
        throw new WrennError("artifact_corrupt", `the template file ${folder}/${file} is damaged`);
    }
    return {
      memory: `${folder}/${TEMPLATE_FILES.memory}`,
      state: `${folder}/${TEMPLATE_FILES.state}`,
      emptyOverlay: `${folder}/${TEMPLATE_FILES.emptyOverlay}`,
      diskChain: [
        { path: `${folder}/${TEMPLATE_FILES.disk}`, format: "qcow2" },
        { path: this.#baseImage(name), format: "raw" },
      ],
      agentDisk: this.#options.artifacts.agentDisk.path,
      kernelVersion: manifest.data.kernelVersion,
      fresh: false,
    };
  }
}
