/** The folders of a watch, as a tree: when one is renamed, the paths of all that are in it change with it. */
import { type BytePath, within } from "../system/byte-path.ts";
import type { InotifyEvent } from "../system/inotify-events.ts";

export interface Place {
  readonly parent: WatchedFolder;
  readonly name: BytePath;
}

export class WatchedFolder {
  /** the kernel's number of its watch */
  readonly watch: number;
  readonly children = new Map<BytePath, WatchedFolder>();
  /** names that were told of while the folder is looked through, so that none is told twice, and who has noticed them */
  told: Map<BytePath, "kernel" | "search"> | undefined;
  /** what happened in it, and below, since it left its place for one that is not known yet */
  held: InotifyEvent[] | undefined;
  /** what was not where it should have been, perhaps because a folder above had another name by then */
  readonly missed = new Set<BytePath>();
  #name: BytePath;
  #parent: WatchedFolder | undefined;

  constructor(watch: number, name: BytePath) {
    this.watch = watch;
    this.#name = name;
  }

  /** Where the folder is; undefined for the topmost one and for those that are in no tree. */
  get place(): Place | undefined {
    return this.#parent && { parent: this.#parent, name: this.#name };
  }

  /** Puts the folder where it belongs now. What was there before is no longer. */
  moveTo(parent: WatchedFolder, name: BytePath): void {
    this.held = undefined;
    if (this.#parent === parent && this.#name === name) return;
    this.detach();
    parent.children.get(name)?.detach();
    parent.children.set(name, this);
    this.#parent = parent;
    this.#name = name;
  }

  /** To be called when it was renamed: its new place is not known until the other half of the rename is. */
  leave(): void {
    this.held = [];
    this.#forgetTold();
  }

  detach(): void {
    this.#parent?.children.delete(this.#name);
    this.#parent = undefined;
    this.#forgetTold();
  }

  /** Whatever was told was told of another place. */
  #forgetTold(): void {
    for (const folder of this.subtree()) folder.told = undefined;
  }

  /** Relative to the topmost folder. */
  get path(): BytePath {
    return this.#parent === undefined ? this.#name : this.#parent.pathOf(this.#name);
  }

  /** The path of what is in the folder, relative to the topmost one. */
  pathOf(name: BytePath): BytePath {
    return this.#parent === undefined ? name : this.#parent.pathOf(within(this.#name, name));
  }

  /** Where events of the folder wait for their names. */
  get heldEvents(): InotifyEvent[] | undefined {
    return this.held ?? this.#parent?.heldEvents;
  }

  /** True for the folder itself and all that are above it. */
  isWithin(other: WatchedFolder): boolean {
    return this === other || (this.#parent?.isWithin(other) ?? false);
  }

  /** The folder and all below it. */
  subtree(): WatchedFolder[] {
    const folders: WatchedFolder[] = [this];
    for (const folder of folders) for (const child of folder.children.values()) folders.push(child);
    return folders;
  }
}
