/** A file's entry as clients see it. */
import { type EntryInfo, FileType } from "@wrenn/protocol/gen/filesystem_pb";
import type { FileEntry } from "@wrenn/protocol/rest/files";

const PERMISSION_BITS = 0o7777;
/** The years 0001 to 9999: a hostile agent may say any other. */
const FIRST_SECOND = -62_135_596_800;
const LAST_SECOND = 253_402_300_799;

/** Whatever has no name here, a socket or a device, is a file: clients know no other types. */
const TYPES: Partial<Record<FileType, FileEntry["type"]>> = {
  [FileType.DIRECTORY]: "directory",
  [FileType.SYMLINK]: "symlink",
};

export function toFileEntry(entry: EntryInfo): FileEntry {
  const { name, path, type, size, mode, permissions, owner, group, modifiedTime, symlinkTarget } = entry;
  return {
    name,
    path,
    type: TYPES[type] ?? "file",
    size: within(0, Number(size), Number.MAX_SAFE_INTEGER),
    mode: mode & PERMISSION_BITS,
    permissions,
    owner,
    group,
    modified_at: modifiedTime === undefined ? 0 : within(FIRST_SECOND, Number(modifiedTime.seconds), LAST_SECOND),
    ...(symlinkTarget === undefined ? {} : { symlink_target: symlinkTarget }),
  };
}

/** One odd file must not spoil a list: a size may be larger than what JSON holds exactly. */
function within(least: number, value: number, most: number): number {
  return Math.min(Math.max(least, value), most);
}
