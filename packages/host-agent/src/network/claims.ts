/**
 * Which instance owns which slot. Namespaces and addresses are shared by the whole box, so a slot is claimed by a file
 * that only one instance can create; its content names the owner's state folder.
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";

export interface SlotRange {
  readonly first: number;
  readonly last: number;
}

export class SlotClaims {
  readonly #folder: string;
  readonly #owner: string;
  readonly #range: SlotRange;

  /** @param owner absolute state folder of the instance */
  constructor(folder: string, owner: string, range: SlotRange) {
    this.#folder = folder;
    this.#owner = owner;
    this.#range = range;
  }

  /** Claims the lowest free slot. @throws no_free_slot */
  async claim(): Promise<number> {
    await mkdir(this.#folder, { recursive: true, mode: 0o755 });
    const taken = new Set(await readdir(this.#folder));
    for (let slot = this.#range.first; slot <= this.#range.last; slot++) {
      if (taken.has(`${slot}`)) continue;
      if (await this.#tryClaim(slot)) return slot;
    }
    const { first, last } = this.#range;
    throw new WrennError(
      "no_free_slot",
      `all ${last - first + 1} network slots (${first} to ${last}) of this host are in use`,
    );
  }

  async #tryClaim(slot: number): Promise<boolean> {
    try {
      await writeFile(`${this.#folder}/${slot}`, this.#owner, { flag: "wx", mode: 0o644 });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    }
  }

  async release(slot: number): Promise<void> {
    await rm(`${this.#folder}/${slot}`, { force: true });
  }

  /** Slots of this instance, and of instances whose state folder is gone: nobody else will ever clean those. */
  async owned(): Promise<number[]> {
    const names = await readdir(this.#folder).catch(() => []);
    const slots = await Promise.all(
      names.map(async (name) => {
        const owner = await readFile(`${this.#folder}/${name}`, "utf8").catch(() => undefined);
        if (owner === undefined || !/^\d+$/.test(name)) return undefined;
        return owner === this.#owner || (owner !== "" && !existsSync(owner)) ? Number(name) : undefined;
      }),
    );
    return slots.filter((slot) => slot !== undefined);
  }
}
