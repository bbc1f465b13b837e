/** Where the bytes of an upload go, held open: what is put there cannot be led elsewhere meanwhile. */
import { constants, fstatSync, lstatSync, openSync, readlinkSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { type BytePath, onDisk } from "../system/byte-path.ts";
import { type Held, holdFolderOf, nameOf } from "../system/held.ts";
import { checkAccess } from "../system/libc.ts";
import { requireRegular } from "./open-regular.ts";

/** As the kernel has it. */
const MAX_LINKS = 40;

/** Where nothing can be put beside a file, or in its place: in a closed or read-only folder, and where it is a mount point. */
export const UNREPLACEABLE = ["EACCES", "EPERM", "EBUSY", "EROFS"] as const;

export interface Target {
  /** closed by whoever asked for the target */
  readonly folder: Held;
  readonly name: BytePath;
}

/** To what a symbolic link leads to, also when nothing is there yet. @throws errors of the file system */
export function findTarget(path: BytePath): Target {
  let target = path;
  for (let links = 0; links < MAX_LINKS; links += 1) {
    const next = linkOrTarget(target);
    if (typeof next !== "string") return next;
    target = (next.startsWith("/") ? next : `${dirname(target)}/${next}`) as BytePath;
  }
  throw Object.assign(new Error("too many links"), { code: "ELOOP" });
}

function linkOrTarget(path: BytePath): string | Target {
  const folder = holdFolderOf(path);
  const name = nameOf(path);
  try {
    const location = onDisk(folder.at(name));
    if (!lstatSync(location, { throwIfNoEntry: false })?.isSymbolicLink()) return { folder, name };
    const link = readlinkSync(location, "latin1");
    folder[Symbol.dispose]();
    return link;
  } catch (error) {
    folder[Symbol.dispose]();
    throw error;
  }
}

/** What is there now. @throws errors unless the user may write to it */
export function replaceable({ folder, name }: Target): Stats | undefined {
  const old = lstatSync(onDisk(folder.at(name)), { throwIfNoEntry: false });
  if (old === undefined) return undefined;
  requireRegular(old);
  checkAccess(folder.at(name), constants.W_OK);
  return old;
}

/** A descriptor that writes to the very file that is there, as the calling thread's user. @throws errors of the file system */
export function openInPlace({ folder, name }: Target): number {
  using file = folder.follow(name, constants.O_NOFOLLOW);
  requireRegular(fstatSync(file.descriptor));
  // Without O_NONBLOCK another program's lease on the file would hold up everybody.
  return openSync(file.path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
}
