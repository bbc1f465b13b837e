/**
 * Watches one folder, with all folders in it or without. What is made in a new folder before the watch on it is in place is
 * found by looking through it afterwards.
 */
import { lstatSync } from "node:fs";
import { isTemporaryName } from "../files/temporary-name.ts";
import { logError } from "../log.ts";
import { type BytePath, onDisk, within } from "../system/byte-path.ts";
import { isErrno, UNREADABLE } from "../system/file-errors.ts";
import { entriesOf } from "../system/folder-entries.ts";
import { type Held, hold } from "../system/held.ts";
import { asUser } from "../system/impersonate.ts";
import type { Inotify, InotifyListener } from "../system/inotify.ts";
import { IN, type InotifyEvent } from "../system/inotify-events.ts";
import { asUserInSlices } from "../system/slices.ts";
import type { User } from "../system/users.ts";
import { fileSystemKind } from "./file-systems.ts";
import { Renames } from "./renames.ts";
import { EventType, type WatchListener } from "./watch-event.ts";
import { type Place, WatchedFolder } from "./watched-folder.ts";

const APPEARED = IN.CREATE | IN.MOVED_TO;
const DISAPPEARED = IN.DELETE | IN.MOVED_FROM;
const LEFT = IN.DELETE_SELF | IN.MOVE_SELF | IN.UNMOUNT | IN.IGNORED;
const MASK = APPEARED | DISAPPEARED | IN.MODIFY | IN.ATTRIB | IN.DELETE_SELF | IN.MOVE_SELF | IN.ONLYDIR;
const ITSELF = "." as BytePath;

export interface FolderWatchOptions {
  readonly path: BytePath;
  readonly user: User;
  readonly recursive: boolean;
  readonly allowNetworkMounts: boolean;
}

export class FolderWatch implements InotifyListener {
  readonly #inotify: Inotify;
  readonly #options: FolderWatchOptions;
  readonly #listener: WatchListener;
  readonly #root: WatchedFolder;
  readonly #folders = new Map<number, WatchedFolder>();
  /** places that a folder was found not to be in, where another one of its name may be */
  #doubtful: Place[] = [];
  readonly #renames = new Renames<WatchedFolder>((folder) => this.#onLeft(folder));
  #isClosed = false;

  /** Watches the folder itself from now on. @throws errors of the operating system; ENOSPC when there are too many watches */
  constructor(inotify: Inotify, options: FolderWatchOptions, listener: WatchListener) {
    this.#inotify = inotify;
    this.#options = options;
    this.#listener = listener;
    inotify.open();
    const watch = asUser(options.user, () => {
      using folder = hold(options.path);
      return inotify.add(onDisk(folder.path), MASK, this);
    });
    this.#root = new WatchedFolder(watch, ITSELF);
    this.#folders.set(watch, this.#root);
  }

  /** Returns once all folders are watched that should be. @throws as the constructor */
  async begin(): Promise<void> {
    if (!this.#options.recursive) return;
    await asUserInSlices(this.#options.user, this.#lookThrough(this.#root, { tells: false }));
    this.#lookAgain();
  }

  close(): void {
    this.#isClosed = true;
    this.#renames.close();
    for (const watch of this.#folders.keys()) this.#inotify.remove(watch, this);
    this.#folders.clear();
  }

  /** Which folders are still there is not known any more: they are all looked for anew. */
  onOverflow(): void {
    if (this.#options.recursive) {
      for (const child of [...this.#root.children.values()]) this.#forget(child);
      void this.#lookThroughLater(this.#root, { tells: false });
    }
    this.#listener.onOverflow();
  }

  onEvent(event: InotifyEvent): void {
    const folder = this.#folders.get(event.watch);
    const held = folder?.heldEvents;
    if (held !== undefined) held.push(event);
    else if (folder?.isWithin(this.#root)) this.#onEventIn(folder, event);
    else if (event.mask & IN.IGNORED) this.#folders.delete(event.watch);
  }

  #onEventIn(folder: WatchedFolder, event: InotifyEvent): void {
    const { mask, name, cookie } = event;
    if (mask & IN.IGNORED) this.#folders.delete(event.watch);
    if (name === "") {
      if (folder === this.#root) this.#onRootEvent(mask);
    } else if (isTemporaryName(name)) {
      if (mask & IN.MOVED_FROM) this.#renames.begin(cookie, { from: name });
    } else if (mask & APPEARED) {
      this.#onAppeared(folder, event);
    } else if (mask & DISAPPEARED) {
      this.#onDisappeared(folder, event);
    } else {
      this.#tell(mask & IN.MODIFY ? EventType.WRITE : EventType.CHMOD, folder, name);
    }
  }

  #onRootEvent(mask: number): void {
    if (mask & IN.ATTRIB) this.#listener.onChange({ type: EventType.CHMOD, name: ITSELF });
    if (!(mask & LEFT)) return;
    this.close();
    this.#listener.onChange({ type: mask & IN.MOVE_SELF ? EventType.RENAME : EventType.REMOVE, name: ITSELF });
    this.#listener.onEnd();
  }

  #onAppeared(parent: WatchedFolder, { mask, cookie, name }: InotifyEvent): void {
    const rename = mask & IN.MOVED_TO ? this.#renames.end(cookie) : undefined;
    const moved = rename?.moved;
    if (parent.told?.get(name) === "search") {
      // The next notice is of another thing with this name.
      parent.told.delete(name);
      if (moved?.held !== undefined) this.#forget(moved);
      return;
    }
    parent.told?.set(name, "kernel");
    const isUpload = rename !== undefined && isTemporaryName(rename.from);
    const held = moved?.held ?? [];
    const folder = mask & IN.ISDIR && this.#options.recursive ? this.#watchNew(parent, name) : undefined;
    // Names are reused faster than they are looked at: what was taken for the folder may have been another one of its name.
    const isMistaken = moved !== undefined && folder !== moved;
    if (isMistaken) this.#forget(moved);
    const renamedFrom = isUpload || isMistaken ? undefined : rename?.from;
    this.#listener.onChange({ type: EventType.CREATE, name: parent.pathOf(name), renamedFrom });
    // It was written to, for all that anybody is to know of how uploads come into their place.
    if (isUpload) this.#tell(EventType.WRITE, parent, name);
    if (moved === undefined || isMistaken) this.#lookThroughNew(folder);
    else this.#onArrived(moved, held);
  }

  /** What happened in the folder, and was to be looked at, while nobody knew its new name. */
  #onArrived(folder: WatchedFolder, held: readonly InotifyEvent[]): void {
    for (const event of held) this.onEvent(event);
    for (const each of folder.subtree()) {
      const missed = [...each.missed];
      each.missed.clear();
      for (const name of missed) this.#lookThroughNew(name === ITSELF ? each : this.#watchNew(each, name));
    }
  }

  #onDisappeared(folder: WatchedFolder, { mask, cookie, name }: InotifyEvent): void {
    folder.told?.delete(name);
    folder.missed.delete(name);
    const child = mask & IN.ISDIR ? folder.children.get(name) : undefined;
    if (mask & IN.DELETE) {
      child?.detach();
    } else {
      child?.leave();
      this.#renames.begin(cookie, { from: folder.pathOf(name), moved: child });
    }
    this.#tell(mask & IN.DELETE ? EventType.REMOVE : EventType.RENAME, folder, name);
  }

  #tell(type: EventType, folder: WatchedFolder, name: BytePath): void {
    this.#listener.onChange({ type, name: folder.pathOf(name) });
  }

  #watchNew(parent: WatchedFolder, name: BytePath, isSecondLook = false): WatchedFolder | undefined {
    try {
      return asUser(this.#options.user, () => {
        using held = hold(this.#locate(parent));
        return this.#watchFolder(parent, held, name, isSecondLook);
      });
    } catch (error) {
      if (isErrno(error, ...UNREADABLE)) parent.missed.add(name);
      else this.#onIncomplete(error);
      return undefined;
    }
  }

  #lookThroughNew(folder: WatchedFolder | undefined): void {
    if (folder !== undefined) void this.#lookThroughLater(folder, { tells: true });
  }

  async #lookThroughLater(folder: WatchedFolder, options: { tells: boolean }): Promise<void> {
    try {
      await asUserInSlices(this.#options.user, this.#lookThrough(folder, options));
      // What the kernel has noticed in the meantime has been found as well, and must not be told again.
      this.#inotify.drain();
      this.#lookAgain();
    } catch (error) {
      this.#onIncomplete(error);
    }
    for (const each of folder.subtree()) each.told = undefined;
  }

  /** To be called when all notices have been read, so that every folder is known by its present name. */
  #lookAgain(): void {
    for (const { parent, name } of this.#doubtful.splice(0)) {
      const isVacant = parent.isWithin(this.#root) && !parent.children.has(name);
      if (isVacant) this.#lookThroughNew(this.#watchNew(parent, name, true));
    }
  }

  /** Watches the folders in the folder, and those in them. Tells of all that is there if nobody can know of it. */
  *#lookThrough(first: WatchedFolder, { tells }: { tells: boolean }): Generator<void, void> {
    const pending = [first];
    for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
      if (tells) folder.told ??= new Map();
      try {
        using held = hold(this.#locate(folder));
        for (const { name, isDirectory } of entriesOf(held.path)) {
          if (this.#isClosed) return;
          if (!folder.isWithin(this.#root)) break;
          if (tells) this.#tellFound(folder, held, name, isDirectory);
          const child = isDirectory ? this.#watchFolder(folder, held, name) : undefined;
          if (child !== undefined) pending.push(child);
          yield;
        }
      } catch (error) {
        if (!isErrno(error, ...UNREADABLE)) throw error;
        folder.missed.add(ITSELF);
      }
    }
  }

  #tellFound(folder: WatchedFolder, held: Held, name: BytePath, isDirectory: boolean): void {
    if (isTemporaryName(name) || folder.told?.has(name)) return;
    folder.told?.set(name, "search");
    this.#tell(EventType.CREATE, folder, name);
    const location = onDisk(held.at(name));
    const size = isDirectory ? 0 : (lstatSync(location, { throwIfNoEntry: false })?.size ?? 0);
    if (size > 0) this.#tell(EventType.WRITE, folder, name);
  }

  /** Undefined when it is no folder (any more), or in a file system that is not to be watched. */
  #watchFolder(parent: WatchedFolder, held: Held, name: BytePath, isSecondLook = false): WatchedFolder | undefined {
    const location = onDisk(held.at(name));
    try {
      const kind = fileSystemKind(location);
      if (kind === "pseudo" || (kind === "network" && !this.#options.allowNetworkMounts)) return undefined;
      const watch = this.#inotify.add(location, MASK | IN.DONT_FOLLOW, this);
      const known = this.#folders.get(watch);
      // A mount may show it in two places, or in itself.
      if (known !== undefined && (parent.isWithin(known) || (isSecondLook && known.isWithin(this.#root))))
        return undefined;
      const folder = known ?? new WatchedFolder(watch, name);
      if (known?.place !== undefined && known.held === undefined) this.#doubtful.push(known.place);
      folder.moveTo(parent, name);
      this.#folders.set(watch, folder);
      return folder;
    } catch (error) {
      if (!isErrno(error, ...UNREADABLE)) throw error;
      parent.missed.add(name);
      return undefined;
    }
  }

  #locate(folder: WatchedFolder): BytePath {
    return folder === this.#root ? this.#options.path : within(this.#options.path, folder.path);
  }

  /** Unless it was found in another place meanwhile. */
  #onLeft(folder: WatchedFolder): void {
    if (folder.held !== undefined) this.#forget(folder);
  }

  #forget(folder: WatchedFolder): void {
    for (const { watch } of folder.subtree()) {
      this.#folders.delete(watch);
      this.#inotify.remove(watch, this);
    }
    folder.detach();
  }

  #onIncomplete(error: unknown): void {
    if (!isErrno(error, "ENOSPC", "ENOMEM", "EMFILE", "ENFILE")) logError("watch", error);
    this.#listener.onOverflow();
  }
}
