/**
 * A file in the making: written beside its target under another name, then put in its place. The target is either the old
 * or the new file, whatever happens on the way.
 */
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  type Stats,
  statfsSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { dirname } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";
import { asUser } from "../system/impersonate.ts";
import type { User } from "../system/users.ts";
import { type Metadata, writeMetadata } from "./metadata.ts";
import { requireRegular } from "./open-regular.ts";
import { temporaryName } from "./temporary-name.ts";

const NEW_FILE_MODE = 0o644;
const NEW_FOLDER_MODE = 0o755;
/** As the kernel has it. */
const MAX_LINKS = 40;

export interface ReplacementOptions {
  /** bytes that are to come, if that is known: what has no room is refused at once */
  readonly expectedBytes: number | undefined;
  readonly metadata: Metadata;
}

export class Replacement {
  /** to be written to; closed by `commit` and `discard` */
  readonly descriptor: number;
  readonly #user: User;
  readonly #target: string;
  readonly #temporary: string;
  readonly #old: Stats | undefined;
  /** the topmost of the folders that were made for it */
  readonly #madeFolder: string | undefined;
  #open = true;

  /** Makes the missing folders and an empty file, all of them the user's. @throws errors of the file system and the registry */
  constructor(path: string, user: User, { expectedBytes, metadata }: ReplacementOptions) {
    this.#user = user;
    const made = asUser(user, () => {
      const folder = mkdirSync(dirname(path), { recursive: true, mode: NEW_FOLDER_MODE });
      try {
        const target = followLinks(path);
        const old = replaceable(target);
        requireRoom(dirname(target), user, expectedBytes);
        const temporary = `${dirname(target)}/${temporaryName()}`;
        return { folder, target, old, temporary, descriptor: openSync(temporary, "wx", 0o600) };
      } catch (error) {
        removeFolders(path, folder);
        throw error;
      }
    });
    this.#madeFolder = made.folder;
    this.#target = made.target;
    this.#old = made.old;
    this.#temporary = made.temporary;
    this.descriptor = made.descriptor;
    try {
      asUser(user, () => writeMetadata(this.descriptor, metadata));
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /** Puts the file in its place. It has the owner and mode of the one that it replaces, as if that had been written to. */
  commit(): void {
    const { uid, gid, mode } = this.#old ?? { ...this.#user, mode: NEW_FILE_MODE };
    if (uid !== this.#user.uid || gid !== this.#user.gid) fchownSync(this.descriptor, uid, gid);
    // A user who writes to a set-uid program makes it an ordinary one.
    fchmodSync(this.descriptor, mode & (this.#user.uid === 0 ? 0o7777 : 0o777));
    this.#close();
    asUser(this.#user, () => renameSync(this.#temporary, this.#target));
  }

  /** Leaves nothing behind. */
  discard(): void {
    this.#close();
    asUser(this.#user, () => {
      try {
        unlinkSync(this.#temporary);
      } catch {
        // Somebody else has removed it or its folder.
      }
      removeFolders(this.#target, this.#madeFolder);
    });
  }

  #close(): void {
    if (this.#open) closeSync(this.descriptor);
    this.#open = false;
  }
}

/** Where the bytes go: to what a symbolic link leads to, also when nothing is there yet. */
function followLinks(path: string): string {
  let target = path;
  for (let links = 0; links < MAX_LINKS; links += 1) {
    if (!lstatSync(target, { throwIfNoEntry: false })?.isSymbolicLink()) return target;
    const next = readlinkSync(target);
    target = next.startsWith("/") ? next : `${dirname(target)}/${next}`;
  }
  throw Object.assign(new Error("too many links"), { code: "ELOOP" });
}

/** What is there now. @throws errors unless the user may write to it */
function replaceable(target: string): Stats | undefined {
  const old = statSync(target, { throwIfNoEntry: false });
  if (old === undefined) return undefined;
  requireRegular(target, old);
  accessSync(target, constants.W_OK);
  return old;
}

/** @throws disk_full before a client has sent in vain what has no room */
function requireRoom(folder: string, user: User, expectedBytes: number | undefined): void {
  if (expectedBytes === undefined) return;
  const { blocks, bavail, bfree, bsize } = statfsSync(folder);
  const room = (user.uid === 0 ? bfree : bavail) * bsize;
  // A file system that counts no blocks does not say how full it is.
  if (expectedBytes <= room || blocks === 0) return;
  throw new WrennError("disk_full", `"${folder}" has room for ${room} bytes, not for ${expectedBytes}`);
}

/** Those that nothing was put into. */
function removeFolders(path: string, topmost: string | undefined): void {
  if (topmost === undefined) return;
  try {
    for (let folder = dirname(path); folder.length >= topmost.length; folder = dirname(folder)) rmdirSync(folder);
  } catch {
    // Somebody else uses it by now.
  }
}
