/** Writes cpio archives in the "newc" format, which the Linux kernel unpacks as its initial root file system. */

export interface CpioEntry {
  /** without a leading slash */
  readonly path: string;
  /** type and permissions as in st_mode */
  readonly mode: number;
  readonly content?: Uint8Array;
  /** major and minor number of a device node */
  readonly device?: readonly [number, number];
}

export const DIRECTORY = 0o040755;
export const PROGRAM = 0o100755;
export const PLAIN_FILE = 0o100644;
export const CHARACTER_DEVICE = 0o020600;

/** Everything belongs to root, has no time and stands in order of its path: the same entries make the same bytes. */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const parts = sorted.map((entry, index) => writeEntry(entry, index + 1));
  return Buffer.concat([...parts, writeEntry({ path: "TRAILER!!!", mode: 0 }, 0)]);
}

function writeEntry({ path, mode, content = new Uint8Array(), device = [0, 0] }: CpioEntry, inode: number): Buffer {
  const name = Buffer.from(`${path}\0`, "utf8");
  const links = (mode & 0o170000) === 0o040000 ? 2 : 1;
  const numbers = [inode, mode, 0, 0, links, 0, content.length, 0, 0, ...device, name.length, 0];
  const header = `070701${numbers.map((number) => number.toString(16).toUpperCase().padStart(8, "0")).join("")}`;
  return Buffer.concat([padded(Buffer.concat([Buffer.from(header), name])), padded(content)]);
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes], Math.ceil(bytes.length / 4) * 4);
}
