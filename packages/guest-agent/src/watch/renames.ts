/** Puts the two halves of renames together. The second one follows at once, or never: then something was moved out of sight. */
import type { BytePath } from "../system/byte-path.ts";

/** The kernel notes the halves one after the other, but the CPU that does it can be taken away in between. */
const PATIENCE_MS = 100;

/** What was renamed. */
export interface Rename<Folder> {
  readonly from: BytePath;
  /** the folder, if it is a watched one */
  readonly moved?: Folder | undefined;
}

export class Renames<Folder> {
  readonly #onLeft: (folder: Folder) => void;
  #recent = new Map<number, Rename<Folder>>();
  #older = new Map<number, Rename<Folder>>();
  #timer: NodeJS.Timeout | undefined;

  /** @param onLeft told of folders that have left for good */
  constructor(onLeft: (folder: Folder) => void) {
    this.#onLeft = onLeft;
  }

  begin(cookie: number, rename: Rename<Folder>): void {
    this.#recent.set(cookie, rename);
    this.#timer ??= setTimeout(this.#giveUp, PATIENCE_MS);
  }

  /** What the second half completes. */
  end(cookie: number): Rename<Folder> | undefined {
    const rename = this.#recent.get(cookie) ?? this.#older.get(cookie);
    this.#recent.delete(cookie);
    this.#older.delete(cookie);
    return rename;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#recent.clear();
    this.#older.clear();
  }

  readonly #giveUp = (): void => {
    const left = this.#older;
    this.#older = this.#recent;
    this.#recent = new Map();
    this.#timer = this.#older.size === 0 ? undefined : setTimeout(this.#giveUp, PATIENCE_MS);
    for (const { moved } of left.values()) if (moved !== undefined) this.#onLeft(moved);
  };
}
