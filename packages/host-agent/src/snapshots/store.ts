/** The snapshots of this host that have an id: named ones and checkpoints, one folder each. */
import { mkdir, readdir } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";
import {
  describe,
  type HostFacts,
  isHalfMade,
  openSnapshot,
  removeFolder,
  type Snapshot,
  sweepHalfMade,
} from "./folder.ts";
import { readManifest } from "./manifest.ts";

export interface StoredSnapshot {
  readonly id: string;
  readonly snapshot: Snapshot;
}

export class SnapshotStore {
  /** ids of those that an operation is working on */
  readonly making = new Set<string>();
  readonly #folder: string;
  readonly #host: HostFacts;

  constructor(folder: string, host: HostFacts) {
    this.#folder = folder;
    this.#host = host;
  }

  folderOf(id: string): string {
    return `${this.#folder}/${id}`;
  }

  /** A folder for as long as an operation takes: what is left of it is removed at the next start. */
  temporaryFolder(name: string): string {
    return `${this.#folder}/.${name}`;
  }

  async has(id: string): Promise<boolean> {
    return (await readManifest(this.folderOf(id))) !== undefined;
  }

  /** @throws snapshot_missing, snapshot_corrupt, snapshot_incompatible */
  async open(id: string): Promise<Snapshot> {
    const folder = this.folderOf(id);
    if (!(await this.has(id))) throw new WrennError("snapshot_missing", `the host has no snapshot ${id}`);
    return openSnapshot(folder, this.#host);
  }

  /** Those whose manifest can be read; whether their files are whole is found out when one is used. */
  async list(): Promise<StoredSnapshot[]> {
    const names = (await readdir(this.#folder).catch(() => [])).filter((name) => !isHalfMade(name));
    const found = await Promise.all(
      names.map(async (id) => {
        const manifest = await readManifest(this.folderOf(id)).catch(() => undefined);
        return manifest === undefined ? undefined : { id, snapshot: describe(this.folderOf(id), manifest) };
      }),
    );
    return found.filter((entry) => entry !== undefined);
  }

  /** Machines that were made from it keep their own links to its files. */
  async remove(id: string): Promise<void> {
    await removeFolder(this.folderOf(id));
  }

  /** Call at start, before anything is made. */
  async sweep(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await sweepHalfMade(this.#folder);
  }
}
