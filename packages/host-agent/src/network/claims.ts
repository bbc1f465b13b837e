/**
 * Who holds which slot. Namespaces and addresses are shared by the whole box, so a slot is claimed by a file that only one
 * instance can create. It names the instance's state folder and the machine that uses the slot: nobody releases what is
 * another's, however old the record he read.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";
import { z } from "zod";

export interface SlotRange {
  readonly first: number;
  readonly last: number;
}

/** Holder of a slot that is ready for a machine to come. */
export const NOBODY = "";

const claimSchema = z.object({ dir: z.string(), holder: z.string() });

export interface Claim extends z.infer<typeof claimSchema> {
  readonly slot: number;
}

export class SlotClaims {
  readonly #folder: string;
  readonly #dir: string;
  readonly #range: SlotRange;

  /** @param dir absolute state folder of the instance */
  constructor(folder: string, dir: string, range: SlotRange) {
    this.#folder = folder;
    this.#dir = dir;
    this.#range = range;
  }

  /** Claims the lowest free slot for nobody yet. @throws no_free_slot */
  async claim(): Promise<number> {
    await mkdir(this.#folder, { recursive: true, mode: 0o755 });
    const taken = new Set(await readdir(this.#folder));
    for (let slot = this.#range.first; slot <= this.#range.last; slot++) {
      if (!taken.has(`${slot}`) && (await this.#tryClaim(slot))) return slot;
    }
    const { first, last } = this.#range;
    throw new WrennError(
      "no_free_slot",
      `all ${last - first + 1} network slots (${first} to ${last}) of this host are in use`,
    );
  }

  /** Writes down who uses a slot of this instance from now on. */
  async assign(slot: number, holder: string): Promise<void> {
    await this.#withFile(holder, (file) => rename(file, this.#path(slot)));
  }

  /** Whether this instance holds the slot for that machine. */
  async holds(slot: number, holder: string): Promise<boolean> {
    const claim = await this.#read(`${slot}`);
    return claim?.dir === this.#dir && claim.holder === holder;
  }

  async release(slot: number): Promise<void> {
    await rm(this.#path(slot), { force: true });
  }

  /** Claims of this instance. */
  async own(): Promise<Claim[]> {
    return (await this.#all()).filter((claim) => claim.dir === this.#dir);
  }

  /** Claims of instances whose state folder is gone. */
  async abandoned(): Promise<Claim[]> {
    return (await this.#all()).filter((claim) => claim.dir !== this.#dir && !existsSync(claim.dir));
  }

  async #all(): Promise<Claim[]> {
    const names = await readdir(this.#folder).catch(() => []);
    const claims = await Promise.all(names.map((name) => this.#read(name)));
    return claims.filter((claim) => claim !== undefined);
  }

  async #read(name: string): Promise<Claim | undefined> {
    if (!/^\d+$/.test(name)) return undefined;
    const text = await readFile(`${this.#folder}/${name}`, "utf8").catch(() => "null");
    const parsed = claimSchema.safeParse(JSON.parse(text));
    return parsed.success ? { ...parsed.data, slot: Number(name) } : undefined;
  }

  /** The file appears with its content or not at all. */
  async #tryClaim(slot: number): Promise<boolean> {
    try {
      await this.#withFile(NOBODY, (file) => link(file, this.#path(slot)));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    }
  }

  async #withFile(holder: string, use: (file: string) => Promise<void>): Promise<void> {
    const file = `${this.#folder}/.${randomBytes(6).toString("hex")}`;
    try {
      await writeFile(file, JSON.stringify({ dir: this.#dir, holder }), { mode: 0o644 });
      await use(file);
    } finally {
      await rm(file, { force: true });
    }
  }

  #path(slot: number): string {
    return `${this.#folder}/${slot}`;
  }
}
