/**
 * What a client's path leads to, held open by a descriptor that only names it. The kernel lets every thread of the agent
 * follow the agent's own links in /proc whoever the thread is, so that a path through them would lead a user to whatever the
 * agent has open; and a path that was looked at may lead elsewhere by the time it is used.
 */
import { closeSync, readlinkSync, statfsSync } from "node:fs";
import { basename, dirname } from "node:path";
import { type BytePath, within } from "./byte-path.ts";
import { isErrno } from "./file-errors.ts";
import { AT_FDCWD, openAt } from "./libc.ts";
import { O_PATH, openPath } from "./open-path.ts";

const RESOLVE_NO_MAGICLINKS = 2;
const PROC_SUPER_MAGIC = 0x9fa0;
/** What /proc/mounts and /proc/net lead everybody to. */
const PUBLIC = ["mounts", "net"];

export class Held implements Disposable {
  readonly descriptor: number;

  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  /** Leads to this very thing, wherever it is by now. */
  get path(): BytePath {
    return openPath(this.descriptor);
  }

  /** The path of what has this name in the folder: for calls that do not follow the last link of a path. */
  at(name: BytePath): BytePath {
    return within(this.path, name);
  }

  /** What the name leads to, through all links. @throws as `hold` */
  follow(name: BytePath, flags = 0): Held {
    return holdAt(this.descriptor, name, flags);
  }

  [Symbol.dispose](): void {
    closeSync(this.descriptor);
  }
}

/** @param flags such as O_DIRECTORY. @throws errors of the file system; EACCES for users where only the agent may go */
export function hold(path: BytePath, flags = 0): Held {
  return holdAt(AT_FDCWD, path, flags);
}

/** The folder that the path's last name is in. @throws as `hold` */
export function holdFolderOf(path: BytePath): Held {
  return hold(dirname(path) as BytePath);
}

/** The last name of a path; that of `/` is `.` */
export function nameOf(path: BytePath): BytePath {
  return (basename(path) || ".") as BytePath;
}

function holdAt(folder: number, path: BytePath, flags: number): Held {
  if (process.geteuid?.() === process.getuid?.()) return new Held(openAt(folder, path, O_PATH | flags, 0));
  const held = new Held(openWithoutMagic(folder, path, O_PATH | flags));
  if (!isAgents(held)) return held;
  held[Symbol.dispose]();
  throw closed();
}

/** The kernel has one error for links that it must not follow and for loops of links, which nothing can follow. */
function openWithoutMagic(folder: number, path: BytePath, flags: number): number {
  try {
    return openAt(folder, path, flags, RESOLVE_NO_MAGICLINKS);
  } catch (error) {
    if (!isErrno(error, "ELOOP")) throw error;
    closeSync(openAt(folder, path, flags, 0));
    throw closed();
  }
}

/** Whether it is in the agent's own folder in /proc, or in that of one of its threads. */
function isAgents({ path }: Held): boolean {
  const [, id = "", name = ""] = /(?:^|\/)proc\/(\d+)(?:\/([^/]+))?/.exec(readlinkSync(path, "latin1")) ?? [];
  if (id === "" || PUBLIC.includes(name) || statfsSync(path).type !== PROC_SUPER_MAGIC) return false;
  return isOwnThread(id);
}

function isOwnThread(id: string): boolean {
  try {
    statfsSync(`/proc/self/task/${id}`);
    return true;
  } catch {
    return false;
  }
}

function closed(): Error {
  return Object.assign(new Error("the path leads to what only the agent may see"), { code: "EACCES" });
}
