/** What a client is told of a file, folder or anything else that has a path. */
import { lstatSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type EntryInfoSchema, FileType } from "@wrenn/protocol/gen/filesystem_pb";
import { METADATA_PREFIX } from "../files/metadata.ts";
import { type BytePath, onDisk, textOf } from "../system/byte-path.ts";
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
  const location = onDisk(path);
  const stats = lstatSync(location);
  const target = stats.isSymbolicLink() ? followed(location) : stats;
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
    // Only these can have attributes of users.
    metadata: target?.isFile() || target?.isDirectory() ? readAttributes(location, METADATA_PREFIX) : {},
    ...(stats.isSymbolicLink() ? { isSymlink: true, symlinkTarget: textOf(linkTarget(location)) } : {}),
  };
}

/** What the link leads to; undefined when it leads nowhere, or where the user may not look. */
function followed(link: Buffer): Stats | undefined {
  try {
    return statSync(link);
  } catch {
    return undefined;
  }
}

function linkTarget(link: Buffer): BytePath {
  try {
    return realpathSync.native(link, "latin1") as BytePath;
  } catch {
    return readlinkSync(link, "latin1") as BytePath;
  }
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
