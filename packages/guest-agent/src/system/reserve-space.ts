/**
 * Makes an ext4 take no more: the host that holds its disk has no room left. Programs are told ENOSPC in time, where a write
 * that only the host's disk refuses would be an I/O error, on which the kernel gives the whole file system up.
 */
import { readFileSync, statfsSync, writeFileSync } from "node:fs";

export class SpaceReserve {
  readonly #mountPoint: string;
  readonly #knob: string;
  #usual: string | undefined;

  /** @param folder of the file system below /sys/fs/ext4; how it counts: https://docs.kernel.org/admin-guide/ext4.html */
  constructor(folder: string, mountPoint: string) {
    this.#knob = `${folder}/reserved_clusters`;
    this.#mountPoint = mountPoint;
  }

  /** Repeatable. With all of it reserved files can still be read, overwritten in place and removed. @throws errors of the file system */
  reserveAll(all: boolean): void {
    if (all && this.#usual === undefined) {
      const usual = readFileSync(this.#knob, "latin1").trim();
      // A cluster is a block unless a file system was made otherwise, and the kernel wants fewer than all of them.
      writeFileSync(this.#knob, String(statfsSync(this.#mountPoint).blocks - 1));
      this.#usual = usual;
    } else if (!all && this.#usual !== undefined) {
      writeFileSync(this.#knob, this.#usual);
      this.#usual = undefined;
    }
  }
}
