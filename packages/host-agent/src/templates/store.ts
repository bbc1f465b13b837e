/**
 * The snapshots that capsules start from when they name a base image: one an image and shape, made by a cold boot when it is
 * first asked for.
 */
import { mkdir } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";
import { Semaphore, Singleflight } from "@wrenn/runtime/locks";
import type { Logger } from "@wrenn/runtime/logger";
import type { Artifacts } from "../images/artifacts.ts";
import {
  type HostFacts,
  type ManifestDraft,
  makeFolder,
  type NewFile,
  openSnapshot,
  type Snapshot,
  sealFolder,
  sweepHalfMade,
} from "../snapshots/folder.ts";
import { readManifest } from "../snapshots/manifest.ts";
import { type Shape, templateKey } from "./key.ts";

export interface Template {
  readonly snapshot: Snapshot;
  /** made by this very call, with a cold boot */
  readonly fresh: boolean;
}

/** What a cold boot leaves in the folder, and what only it knows. */
export interface Built {
  readonly facts: Pick<ManifestDraft, "memoryId" | "clock" | "diskSizeMb" | "layers">;
  readonly files: readonly NewFile[];
}

export interface TemplateStoreOptions {
  readonly folder: string;
  readonly artifacts: Artifacts;
  readonly host: HostFacts;
  readonly kernelArgs: readonly string[];
  readonly logger: Logger;
  /** boots the image cold and leaves memory, state and disk in the folder */
  readonly build: (name: string, shape: Shape, baseImage: string, target: string) => Promise<Built>;
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

  /**
   * The snapshot of a shape, made by a cold boot when there is none. One that is damaged is refused, not repaired: a capsule may
   * run from it. @throws template_missing, snapshot_corrupt, boot_timeout, vmm_failed
   */
  async ensure(name: string, shape: Shape): Promise<Template> {
    const folder = this.#folderOf(name, shape);
    if (await this.#exists(folder)) return this.#open(folder);
    return this.#builds.run(folder, () => this.#oneBoot.run(() => this.#make(name, shape, folder)));
  }

  /** Whether `ensure` would find it without a cold boot. */
  async has(name: string, shape: Shape): Promise<boolean> {
    return this.#exists(this.#folderOf(name, shape));
  }

  /** Removes what a build that was cut off left behind. */
  async sweep(): Promise<void> {
    await mkdir(this.#options.folder, { recursive: true, mode: 0o700 });
    await sweepHalfMade(this.#options.folder);
  }

  async #exists(folder: string): Promise<boolean> {
    return (await readManifest(folder)) !== undefined;
  }

  async #open(folder: string, fresh = false): Promise<Template> {
    return { snapshot: await openSnapshot(folder, this.#options.host), fresh };
  }

  #baseImage(name: string): string {
    const images: Readonly<Record<string, { readonly path: string }>> = this.#options.artifacts.baseImages;
    const image = Object.hasOwn(images, name) ? images[name] : undefined;
    if (image === undefined) throw new WrennError("template_missing", `template "${name}" does not exist`);
    return image.path;
  }

  #folderOf(name: string, { vcpus, memoryMb }: Shape): string {
    this.#baseImage(name);
    const { artifacts, host, kernelArgs } = this.#options;
    const { snapshotFormat } = host;
    const shape = { vcpus, memoryMb };
    const key = templateKey({ template: name, shape, artifacts: artifacts.hash, snapshotFormat, kernelArgs });
    return `${this.#options.folder}/${key}`;
  }

  async #make(name: string, { vcpus, memoryMb }: Shape, folder: string): Promise<Template> {
    const { build, logger, artifacts, host } = this.#options;
    logger.info({ op: "template", template: name, vcpus, memoryMb }, "booting cold to make a template");
    const baseImage = this.#baseImage(name);
    await makeFolder(folder, async (temporary) => {
      const { facts, files } = await build(name, { vcpus, memoryMb }, baseImage, temporary);
      const draft: ManifestDraft = {
        ...facts,
        template: name,
        vcpus,
        memoryMb,
        generation: 0,
        snapshotFormat: host.snapshotFormat,
        kernelVersion: artifacts.kernel.version,
        baseImage,
        agentDisk: artifacts.agentDisk.path,
      };
      await sealFolder(temporary, draft, { newFiles: files, linked: {} });
    });
    return this.#open(folder, true);
  }
}
