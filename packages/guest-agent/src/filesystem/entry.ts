/** What a client is told of a file, folder or anything else that has a path. */
import { fstatSync, lstatSync, readlinkSync, type Stats } from "node:fs";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type EntryInfoSchema, FileType } from "@wrenn/protocol/gen/filesystem_pb";
import { METADATA_PREFIX } from "../files/metadata.ts";
import { type BytePath, onDisk, textOf } from "../system/byte-path.ts";
import { type Held, holdFolderOf, nameOf } from "../system/held.ts";
import type { Owners } from "../system/owners.ts";
import { readAttributes } from "../system/xattr.ts";
import { formatMode } from "./permissions.ts";

export type Entry = MessageInitShape<typeof EntryInfoSchema>;

const PERMISSION_BITS = 0o7777;
/** The years 0001 to 9999 in seconds since the epoch: what a Timestamp may be. File systems hold more. */
const FIRST_SECOND = -62_135_596_800;
const LAST_SECOND = 253_402_300_799;
/** What a size may be, and what the kernel allows; as a number it is rounded up beyond that. */
const MAX_SIZE = 2n ** 63n - 1n;

/** Describes what is at the path, not what a symbolic link leads to, but for type and mode. @throws errors of the file system */
export function describe(path: BytePath, owners: Owners): Entry {
  using folder = holdFolderOf(path);
  return describeIn(folder, path, owners);
}

/** The same for a path whose folder is held. @throws errors of the file system */
export function describeIn(folder: Held, path: BytePath, owners: Owners): Entry {
  const name = nameOf(path);
  const location = folder.at(name);
  const stats = lstatSync(onDisk(location));
  if (!stats.isSymbolicLink()) {
    return { ...entryOf(path, stats, stats, owners), metadata: metadataOf(stats, location, false) };
  }
  using target = followed(folder, name);
  const targetStats = target && fstatSync(target.descriptor);
  return {
    ...entryOf(path, stats, targetStats, owners),
    metadata: target && targetStats ? metadataOf(targetStats, target.path, true) : {},
    isSymlink: true,
    symlinkTarget: textOf(readlinkSync(onDisk(target?.path ?? location), "latin1") as BytePath),
  };
}

function entryOf(path: BytePath, stats: Stats, target: Stats | undefined, owners: Owners): Entry {
  return {
    name: textOf(path.slice(path.lastIndexOf("/") + 1) as BytePath) || "/",
    type: target?.isDirectory() ? FileType.DIRECTORY : FileType.FILE,
    path: textOf(path),
    size: sizeOf(stats),
    mode: (target ?? stats).mode & PERMISSION_BITS,
    permissions: formatMode(stats.mode),
    owner: owners.userName(stats.uid),
    group: owners.groupName(stats.gid),
    modifiedTime: timestamp(stats.mtimeMs),
  };
}

/** What the link leads to; undefined when it leads nowhere, or where the user may not look. */
function followed(folder: Held, name: BytePath): Held | undefined {
  try {
    return folder.follow(name);
  } catch {
    return undefined;
  }
}

/** Only files and folders can have attributes of users. */
function metadataOf(stats: Stats, path: BytePath, follow: boolean): Record<string, string> {
  return stats.isFile() || stats.isDirectory() ? readAttributes(onDisk(path), METADATA_PREFIX, { follow }) : {};
}

function sizeOf({ size }: Stats): bigint {
  const exact = BigInt(size);
  return exact < MAX_SIZE ? exact : MAX_SIZE;
}

function timestamp(epochMs: number): { seconds: bigint; nanos: number } {
  const seconds = Math.floor(epochMs / 1000);
  const nanos = Math.min(999_999_999, Math.round((epochMs - seconds * 1000) * 1e6));
  return { seconds: BigInt(Math.min(LAST_SECOND, Math.max(FIRST_SECOND, seconds))), nanos };
}
