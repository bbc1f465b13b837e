/** The folders of a watch, as a tree: when one is renamed, the paths of all that are in it change with it. */
import { type BytePath, within } from "../system/byte-path.ts";
import type { InotifyEvent } from "../system/inotify-events.ts";

export class WatchedFolder {
  /** the kernel's number of its watch */
  readonly watch: number;
  readonly children = new Map<BytePath, WatchedFolder>();
  /** names that were told of while the folder is looked through, so that none is told twice */
  told: Set<BytePath> | undefined;
  /** what happened in it, and below, since it left its place for one that is not known yet */
  held: InotifyEvent[] | undefined;
  #name: BytePath;
  #parent: WatchedFolder | undefined;

  constructor(watch: number, name: BytePath) {
    this.watch = watch;
    this.#name = name;
  }

  /** Puts the folder where it belongs now. What was there before is no longer. */
  moveTo(parent: WatchedFolder, name: BytePath): void {
    this.detach();
    parent.children.get(name)?.detach();
    parent.children.set(name, this);
    this.#parent = parent;
    this.#name = name;
  }

  detach(): void {
    this.#parent?.children.delete(this.#name);
    this.#parent = undefined;
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
