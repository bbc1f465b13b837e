/** A file's entry as clients see it. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type EntryInfo, FileType } from "@wrenn/protocol/gen/filesystem_pb";
import type { FileEntry } from "@wrenn/protocol/rest/files";

const PERMISSION_BITS = 0o7777;

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
    size: Number(size),
    mode: mode & PERMISSION_BITS,
    permissions,
    owner,
    group,
    modified_at: modifiedTime === undefined ? 0 : Math.floor(timestampMs(modifiedTime) / 1000),
    ...(symlinkTarget === undefined ? {} : { symlink_target: symlinkTarget }),
  };
}
