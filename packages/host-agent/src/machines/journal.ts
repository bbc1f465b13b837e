/**
 * The journal: one record a machine, in the machine's own folder, on disk before anything is done. State changes go
 * through `transition`, which is the host's compare-and-swap.
 */

import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";
import { type Action, nextState } from "@wrenn/protocol/states";
import { readJson, syncDirectory, writeFileAtomic } from "@wrenn/runtime/atomic-file";
import { type MachineRecord, recordSchema } from "./record.ts";

const RECORD = "record.json";
/** Folders on their way out; they hold no record, so a restart sweeps what is left of them. */
const TRASH_PREFIX = ".trash-";

const UNREADABLE = { success: false } as const;

type Writable<T> = { -readonly [Key in keyof T]: T[Key] extends readonly (infer Item)[] ? Item[] : T[Key] };

export interface JournalContent {
  readonly records: readonly MachineRecord[];
  /** folders without a record: half-made or half-removed */
  readonly strays: readonly string[];
  /** names of machines whose record is damaged or of another version */
  readonly unreadable: readonly string[];
}

export class Journal {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The record's file; its time of change is also the time of the machine's last use. */
  recordFile(id: string): string {
    return `${this.machineDir(id)}/${RECORD}`;
  }

  machineDir(id: string): string {
    return `${this.#folder}/${id}`;
  }

  /** Makes the machine's folder with its first record. @throws conflict when there is one already */
  async create(record: MachineRecord): Promise<void> {
    try {
      // The VMM's user passes through to the files that are its own; it can neither list nor add any.
      await mkdir(this.machineDir(record.id), { mode: 0o711 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      throw new WrennError("conflict", `the host already has a capsule ${record.id}`);
    }
    await this.#begin(record);
  }

  /** Makes of a folder of another name the new machine's, with its first record. @throws conflict when there is one already */
  async adopt(folder: string, record: MachineRecord): Promise<void> {
    try {
      await rename(folder, this.machineDir(record.id));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
      throw new WrennError("conflict", `the host already has a capsule ${record.id}`);
    }
    await this.#begin(record);
  }

  /** Applies an action and changes to what the caller holds. @throws invalid_state when the lifecycle has no such step */
  async transition(
    record: MachineRecord,
    action: Action,
    changes: Partial<MachineRecord> = {},
  ): Promise<MachineRecord> {
    const state = nextState(action, record.state);
    return this.replace({ ...record, ...changes, state, incarnation: record.incarnation + 1 });
  }

  /** Writes the record as it is now. */
  async replace(record: MachineRecord): Promise<MachineRecord> {
    await this.#write(record);
    return record;
  }

  /** Forgets a machine and everything in its folder, in one step. */
  async remove(id: string): Promise<void> {
    const trash = `${this.#folder}/${TRASH_PREFIX}${randomBytes(4).toString("hex")}`;
    try {
      await rename(this.machineDir(id), trash);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw error;
    }
    await rm(trash, { recursive: true, force: true });
  }

  /** Everything in the folder, told apart: nothing that may be somebody's capsule counts as rubbish. */
  async load(): Promise<JournalContent> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const content = { records: [], strays: [], unreadable: [] } as Writable<JournalContent>;
    for (const name of await readdir(this.#folder)) {
      const record = await readJson(this.recordFile(name)).then(
        (found) => (found === undefined ? undefined : recordSchema.safeParse(found)),
        () => UNREADABLE,
      );
      if (record === undefined) content.strays.push(this.machineDir(name));
      else if (record.success && record.data.id === name) content.records.push(record.data);
      else content.unreadable.push(name);
    }
    return content;
  }

  /** The first record of a folder that is the caller's; without it the folder goes too. */
  async #begin(record: MachineRecord): Promise<void> {
    try {
      await this.#write(record);
      await syncDirectory(this.#folder);
    } catch (error) {
      await this.remove(record.id);
      throw error;
    }
  }

  async #write(record: MachineRecord): Promise<void> {
    await writeFileAtomic(this.recordFile(record.id), `${JSON.stringify(record)}\n`);
  }
}
