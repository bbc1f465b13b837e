/** A capsule's own disk: an empty qcow2 overlay that takes the writes, over files that are never written. */

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { chmod, chown, copyFile, mkdir, rename, rm, statfs } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";
import { command } from "@wrenn/runtime/command";

export interface BackingFile {
  readonly path: string;
  readonly format: "qcow2" | "raw";
}

/**
 * Makes empty overlays of any size: the first of a size is made by qemu-img and kept, the others are copies of it, 30 times
 * faster. What an overlay stands on is told to the VMM at its start, and not written in the file.
 */
export class OverlayMaker {
  readonly #folder: string;
  readonly #qemuImg: string;

  constructor(folder: string, qemuImg: string) {
    this.#folder = folder;
    this.#qemuImg = qemuImg;
  }

  /** Makes a new file that only `uid` may read and write. @throws EEXIST, ENOSPC */
  async make(path: string, sizeMb: number, uid: number): Promise<void> {
    const source = `${this.#folder}/${sizeMb}.qcow2`;
    try {
      await copyFile(source, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      await this.#prepare(source, sizeMb);
      await copyFile(source, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    }
    await chmod(path, 0o600);
    await chown(path, uid, uid);
  }

  async #prepare(source: string, sizeMb: number): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const temporary = `${this.#folder}/.${randomBytes(4).toString("hex")}.tmp`;
    try {
      await command(this.#qemuImg, ["create", "-q", "-f", "qcow2", temporary, `${sizeMb}M`]);
      await rename(temporary, source);
    } finally {
      await rm(temporary, { force: true });
    }
  }
}

/** @throws disk_full when less than `minFreeMb` MiB are free on the file system of `path` */
export async function requireFreeSpace(path: string, minFreeMb: number): Promise<void> {
  const free = await freeSpaceMb(path);
  if (free < minFreeMb) {
    throw new WrennError("disk_full", `the disk of the host has ${free} MiB left, and ${minFreeMb} MiB must stay free`);
  }
}

export async function freeSpaceMb(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return Math.floor((bavail * bsize) / (1024 * 1024));
}

export async function totalSpaceMb(path: string): Promise<number> {
  const { blocks, bsize } = await statfs(path);
  return Math.floor((blocks * bsize) / (1024 * 1024));
}

/** The error of a full file system, however deep it lies, as a registry error; any other one unchanged. */
export function asDiskFull(error: unknown): unknown {
  for (let link = error; link instanceof Error; link = link.cause) {
    const { code } = link as NodeJS.ErrnoException;
    if (code === "ENOSPC" || code === "EDQUOT") {
      return new WrennError("disk_full", "the disk of the host is full", { cause: error });
    }
  }
  return error;
}
