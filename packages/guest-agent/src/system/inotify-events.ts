/** The events of inotify as the kernel writes them. */
import type { BytePath } from "./byte-path.ts";

/** Bits of masks (linux/inotify.h). */
export const IN = {
  MODIFY: 0x2,
  ATTRIB: 0x4,
  MOVED_FROM: 0x40,
  MOVED_TO: 0x80,
  CREATE: 0x100,
  DELETE: 0x200,
  DELETE_SELF: 0x400,
  MOVE_SELF: 0x800,
  UNMOUNT: 0x2000,
  Q_OVERFLOW: 0x4000,
  IGNORED: 0x8000,
  ONLYDIR: 0x100_0000,
  DONT_FOLLOW: 0x200_0000,
  ISDIR: 0x4000_0000,
} as const;

export interface InotifyEvent {
  /** the number of the watch; -1 for an overflow */
  readonly watch: number;
  readonly mask: number;
  /** the same in the two halves of a rename, else 0 */
  readonly cookie: number;
  /** of what is in the folder; empty for the folder itself */
  readonly name: BytePath;
}

/** int wd; u32 mask; u32 cookie; u32 length of the name that follows, filled up with NULs. */
const HEADER_BYTES = 16;

/** Whatever the bytes are, every event begins where the one before it ends; one that is cut off is none. */
export function parseEvents(bytes: Buffer): InotifyEvent[] {
  const events: InotifyEvent[] = [];
  for (let start = 0; start + HEADER_BYTES <= bytes.length; ) {
    const nameStart = start + HEADER_BYTES;
    const end = nameStart + bytes.readUInt32LE(start + 12);
    if (end > bytes.length) break;
    const [name = ""] = bytes.toString("latin1", nameStart, end).split("\0", 1);
    events.push({
      watch: bytes.readInt32LE(start),
      mask: bytes.readUInt32LE(start + 4),
      cookie: bytes.readUInt32LE(start + 8),
      name: name as BytePath,
    });
    start = end;
  }
  return events;
}
