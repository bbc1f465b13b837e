/**
 * A file that is written over the bytes of the old one: of a file with several names, or in a place where nothing can be put
 * beside it. It is not one step: who reads it meanwhile, or after an upload that broke off, finds the beginning of the new
 * file and the rest of the old one.
 */
import { closeSync, fchmodSync, fstatSync, ftruncateSync } from "node:fs";
import { asUser } from "../system/impersonate.ts";
import type { User } from "../system/users.ts";
import type { FileInMaking } from "./file-in-making.ts";
import { type Metadata, removeMetadata, writeMetadata } from "./metadata.ts";
import { openInPlace, type Target } from "./target.ts";

export interface OverwritingOptions {
  readonly user: User;
  readonly metadata: Metadata;
  /** called once when the file is done with */
  readonly onClose: () => void;
}

export class Overwriting implements FileInMaking {
  readonly descriptor: number;
  readonly #onClose: () => void;
  #open = true;

  /** Opens the file as the user. @throws errors of the file system and the registry */
  constructor(target: Target, { user, metadata, onClose }: OverwritingOptions) {
    this.#onClose = onClose;
    this.descriptor = asUser(user, () => openInPlace(target));
    try {
      const { mode } = fstatSync(this.descriptor);
      // A user who writes to a set-uid program makes it an ordinary one, before the first byte.
      if (user.uid !== 0 && (mode & 0o7000) !== 0) fchmodSync(this.descriptor, mode & 0o777);
      asUser(user, () => {
        removeMetadata(this.descriptor);
        writeMetadata(this.descriptor, metadata);
      });
    } catch (error) {
      closeSync(this.descriptor);
      throw error;
    }
  }

  /** Cuts off what is left of the old file. */
  async commit(bytes: number): Promise<void> {
    ftruncateSync(this.descriptor, bytes);
    this.discard();
  }

  /** Leaves the file as it is by now. */
  discard(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.descriptor);
    this.#onClose();
  }
}
