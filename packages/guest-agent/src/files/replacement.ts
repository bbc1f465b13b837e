/**
 * A file in the making: written beside its target under another name, then put in its place. The target is either the old
 * or the new file, whatever happens on the way; only where the new one cannot be put in the place, its bytes are copied over
 * those of the old one at the end, which is not one step.
 */
import {
  closeSync,
  createReadStream,
  fchmodSync,
  fchownSync,
  openSync,
  renameSync,
  type Stats,
  unlinkSync,
} from "node:fs";
import { pipeline } from "node:stream/promises";
import { type BytePath, bytePath, onDisk } from "../system/byte-path.ts";
import { isErrno } from "../system/file-errors.ts";
import { asUser } from "../system/impersonate.ts";
import type { User } from "../system/users.ts";
import type { FileInMaking } from "./file-in-making.ts";
import { FileSink } from "./file-sink.ts";
import { type Metadata, writeMetadata } from "./metadata.ts";
import { Overwriting } from "./overwriting.ts";
import { type Target, UNREPLACEABLE } from "./target.ts";
import { temporaryName } from "./temporary-name.ts";

const NEW_FILE_MODE = 0o644;
const COPIED_BYTES = 512 * 1024;

export interface ReplacementOptions {
  readonly user: User;
  /** what is there now */
  readonly old: Stats | undefined;
  readonly metadata: Metadata;
  /** takes away the folders that were made for it */
  readonly removeMade: () => void;
}

export class Replacement implements FileInMaking {
  readonly descriptor: number;
  readonly #target: Target;
  readonly #options: ReplacementOptions;
  readonly #temporary: BytePath = bytePath(temporaryName());
  #open = true;

  /** Makes an empty file of the user. @throws errors of the file system and the registry; the target is the caller's then */
  constructor(target: Target, options: ReplacementOptions) {
    this.#target = target;
    this.#options = options;
    const { user, metadata } = options;
    this.descriptor = asUser(user, () => openSync(onDisk(target.folder.at(this.#temporary)), "wx+", 0o600));
    try {
      asUser(user, () => writeMetadata(this.descriptor, metadata));
    } catch (error) {
      this.#removeTemporary();
      closeSync(this.descriptor);
      throw error;
    }
  }

  /** Puts the file in its place. It has the owner and mode of the one that it replaces, as if that had been written to. */
  async commit(bytes: number): Promise<void> {
    const { user, old } = this.#options;
    const { uid, gid, mode } = old ?? { ...user, mode: NEW_FILE_MODE };
    if (uid !== user.uid || gid !== user.gid) fchownSync(this.descriptor, uid, gid);
    // A user who writes to a set-uid program makes it an ordinary one.
    fchmodSync(this.descriptor, mode & (user.uid === 0 ? 0o7777 : 0o777));
    const { folder, name } = this.#target;
    try {
      asUser(user, () => renameSync(onDisk(folder.at(this.#temporary)), onDisk(folder.at(name))));
    } catch (error) {
      if (old === undefined || !isErrno(error, ...UNREPLACEABLE)) throw error;
      await this.#copyOver(bytes);
      this.#removeTemporary();
    }
    this.#close();
  }

  /** Leaves nothing behind. */
  discard(): void {
    this.#removeTemporary();
    this.#close();
    this.#options.removeMade();
  }

  async #copyOver(bytes: number): Promise<void> {
    const { user, metadata } = this.#options;
    const over = new Overwriting(this.#target, { user, metadata, onClose: () => {} });
    try {
      const sink = new FileSink(over.descriptor, bytes, () => new Error("the file has grown"));
      const options = { fd: this.descriptor, start: 0, autoClose: false, highWaterMark: COPIED_BYTES };
      await pipeline(createReadStream("", options), sink);
      await over.commit(bytes);
    } catch (error) {
      over.discard();
      throw error;
    }
  }

  #removeTemporary(): void {
    try {
      asUser(this.#options.user, () => unlinkSync(onDisk(this.#target.folder.at(this.#temporary))));
    } catch {
      // Somebody else has removed it.
    }
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.descriptor);
    this.#target.folder[Symbol.dispose]();
  }
}
