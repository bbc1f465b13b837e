/**
 * A file that is being uploaded. It is made beside its target and put in its place in one step wherever that is possible.
 * Elsewhere the bytes are written over those of the old file.
 */
import { readlinkSync, type Stats, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";
import { type BytePath, bytePath } from "../system/byte-path.ts";
import { isErrno } from "../system/file-errors.ts";
import { asUser } from "../system/impersonate.ts";
import { makeFolders, removeFolders } from "../system/make-folders.ts";
import type { User } from "../system/users.ts";
import type { Metadata } from "./metadata.ts";
import { Overwriting } from "./overwriting.ts";
import { Replacement } from "./replacement.ts";
import { findTarget, replaceable, type Target, UNREPLACEABLE } from "./target.ts";

export interface FileInMaking {
  /** to be written to; closed by `commit` and `discard` */
  readonly descriptor: number;
  /** Finishes the file. @param bytes that were written to it. @throws errors of the file system */
  commit(bytes: number): Promise<void>;
  /** To be called once instead of `commit`, or after it has failed. */
  discard(): void;
}

export interface MakingOptions {
  /** bytes that are to come, if that is known: what has no room is refused at once */
  readonly expectedBytes: number | undefined;
  readonly metadata: Metadata;
}

/** Makes the missing folders and begins the file, all of them the user's. @throws errors of the file system and the registry */
export function beginFile(path: string, user: User, options: MakingOptions): FileInMaking {
  const place = bytePath(path);
  const folder = dirname(place) as BytePath;
  const made = asUser(user, () => makeFolders(folder));
  const removeMade = (): void => {
    if (made !== undefined) asUser(user, () => removeFolders(folder, made));
  };
  try {
    const target = asUser(user, () => findTarget(place));
    return beginIn(target, user, options, removeMade);
  } catch (error) {
    removeMade();
    throw error;
  }
}

function beginIn(target: Target, user: User, options: MakingOptions, removeMade: () => void): FileInMaking {
  const { metadata, expectedBytes } = options;
  const onClose = (): void => target.folder[Symbol.dispose]();
  try {
    const old = asUser(user, () => replaceable(target));
    requireRoom(target, user, expectedBytes, old);
    // Its other names are to be names of the new content as well.
    if (old !== undefined && old.nlink > 1) return new Overwriting(target, { user, metadata, onClose });
    try {
      return new Replacement(target, { user, old, metadata, removeMade });
    } catch (error) {
      // /proc lets nobody make files, and says that there is no such folder.
      if (old === undefined || !isErrno(error, ...UNREPLACEABLE, "ENOENT")) throw error;
      return new Overwriting(target, { user, metadata, onClose });
    }
  } catch (error) {
    onClose();
    throw error;
  }
}

/** @throws disk_full before a client has sent in vain what has no room */
function requireRoom(target: Target, user: User, expectedBytes: number | undefined, old: Stats | undefined): void {
  if (expectedBytes === undefined) return;
  const { blocks, bavail, bfree, bsize } = statfsSync(target.folder.path);
  // What is written over the old bytes needs no room of its own.
  const reused = old !== undefined && old.nlink > 1 ? old.size : 0;
  const room = (user.uid === 0 ? bfree : bavail) * bsize + reused;
  // A file system that counts no blocks does not say how full it is.
  if (expectedBytes <= room || blocks === 0) return;
  const folder = readlinkSync(target.folder.path);
  throw new WrennError("disk_full", `"${folder}" has room for ${room} bytes, not for ${expectedBytes}`);
}
