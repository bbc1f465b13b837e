/**
 * One header block of a tar archive, read and written. Names are byte strings: each character is one byte, because file names on Linux need not
 * be UTF-8. What is read may come from a guest and is hostile.
 * Formats read: ustar, GNU (long names, big numbers), pax (names, sizes, times). Written: ustar with GNU's long names, which every tar of
 * a capsule (GNU, BusyBox, bsdtar) understands.
 */
import { WrennError } from "@wrenn/protocol/errors";

export const BLOCK_BYTES = 512;

/** What a member is; `other` are devices, FIFOs and whatever else only its own system could make. */
export type MemberType = "file" | "directory" | "symlink" | "link" | "other";

export interface Member {
  /** byte string, as the archive has it: neither checked nor normalised */
  readonly path: string;
  readonly type: MemberType;
  /** of the content that follows, in bytes */
  readonly size: number;
  /** permission bits, with setuid, setgid and sticky */
  readonly mode: number;
  /** seconds since the epoch */
  readonly mtime: number;
  /** byte string: where a symlink points, or the member that a hard link names */
  readonly target: string;
}

/** A header as it stands in its block; `flag` is the type's letter, also of the records that only describe the next member. */
export interface Header extends Omit<Member, "type"> {
  readonly flag: string;
}

/** Start and length of the fields that are used, in bytes (POSIX.1-2008, ustar interchange format). */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  flag: [156, 1],
  target: [157, 100],
  magic: [257, 6],
  prefix: [345, 155],
} as const satisfies Record<string, readonly [start: number, length: number]>;

type Field = keyof typeof FIELDS;

/** Without the terminating NUL that some readers need. */
const MAX_NAME_BYTES = FIELDS.name[1] - 1;

const MEMBER_TYPES: Readonly<Record<string, MemberType>> = {
  "0": "file",
  "\0": "file",
  "7": "file",
  "1": "link",
  "2": "symlink",
  "5": "directory",
};

export function memberType(flag: string): MemberType {
  return MEMBER_TYPES[flag] ?? "other";
}

/** Reads one block; undefined for a block of zeros, which ends an archive. @throws invalid_request when it is no header */
export function parseHeader(block: Buffer): Header | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  if (numberIn(block, "checksum") !== sum(block)) throw malformed("a header's checksum is wrong");
  // GNU's own format has other things where POSIX has the prefix.
  const prefix = textIn(block, "magic").startsWith("ustar") && block[262] === 0 ? textIn(block, "prefix") : "";
  const name = textIn(block, "name");
  const size = numberIn(block, "size");
  if (!Number.isSafeInteger(size) || size < 0) throw malformed(`a member has a size of ${size}`);
  const [flagAt] = FIELDS.flag;
  return {
    path: prefix === "" ? name : `${prefix}/${name}`,
    flag: String.fromCharCode(block[flagAt] ?? 0),
    size,
    mode: numberIn(block, "mode") & 0o7777,
    mtime: numberIn(block, "mtime"),
    target: textIn(block, "target"),
  };
}

function fieldIn(block: Buffer, field: Field): Buffer {
  const [start, length] = FIELDS[field];
  return block.subarray(start, start + length);
}

function textIn(block: Buffer, field: Field): string {
  return untilNul(fieldIn(block, field).toString("latin1"));
}

export function untilNul(text: string): string {
  const end = text.indexOf("\0");
  return end === -1 ? text : text.slice(0, end);
}

/** Octal digits, or GNU's big-endian two's complement, marked by the first bit and positive or negative by the second. */
function numberIn(block: Buffer, field: Field): number {
  const bytes = fieldIn(block, field);
  const first = bytes[0] ?? 0;
  if ((first & 0x80) !== 0) {
    const raw = BigInt(`0x${bytes.toString("hex")}`);
    return Number(BigInt.asIntN(bytes.length * 8 - 1, raw));
  }
  const digits = untilNul(bytes.toString("latin1")).trim();
  if (!/^[0-7]*$/.test(digits)) throw malformed(`a header's ${field} is not a number`);
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

/** Of all bytes, with the checksum's own field taken as spaces. */
function sum(block: Buffer): number {
  const [start, length] = FIELDS.checksum;
  let total = 0x20 * length;
  for (let i = 0; i < BLOCK_BYTES; i++) if (i < start || i >= start + length) total += block[i] ?? 0;
  return total;
}

/**
 * The header of a member, with the records before it that carry names too long for one. The owner is root: what is copied into a
 * capsule belongs to the user who copies it there, not to one that only the source knows.
 */
export function encodeHeader(member: Member): Buffer {
  const path = member.type === "directory" ? `${member.path}/` : member.path;
  const flags = { file: "0", link: "1", symlink: "2", directory: "5", other: "0" } as const;
  return Buffer.concat([
    ...longName("K", member.target),
    ...longName("L", path),
    encodeBlock({ ...member, path, flag: flags[member.type] }),
  ]);
}

/** GNU's record for a name that does not fit: a member of its own, whose content is the name. */
function longName(flag: "K" | "L", name: string): Buffer[] {
  if (name.length <= MAX_NAME_BYTES) return [];
  const content = Buffer.from(`${name}\0`, "latin1");
  const header = { path: "././@LongLink", flag, size: content.length, mode: 0, mtime: 0, target: "" };
  return [encodeBlock(header), content, padding(content.length)];
}

function encodeBlock(header: Header): Buffer {
  const bytes = Buffer.alloc(BLOCK_BYTES);
  const put = (field: Field, text: string) => {
    const [start, length] = FIELDS[field];
    bytes.write(text, start, length, "latin1");
  };
  put("name", header.path.slice(0, MAX_NAME_BYTES));
  putNumber(bytes, "mode", header.mode & 0o7777);
  putNumber(bytes, "uid", 0);
  putNumber(bytes, "gid", 0);
  putNumber(bytes, "size", header.size);
  putNumber(bytes, "mtime", Math.max(0, Math.floor(header.mtime)));
  put("flag", header.flag);
  put("target", header.target.slice(0, MAX_NAME_BYTES));
  put("magic", "ustar ");
  bytes.write(" \0", FIELDS.magic[0] + FIELDS.magic[1], "latin1");
  put("checksum", `${sum(bytes).toString(8).padStart(6, "0")}\0 `);
  return bytes;
}

function putNumber(bytes: Buffer, field: Field, value: number): void {
  const [start, length] = FIELDS[field];
  const digits = value.toString(8);
  if (digits.length < length) {
    bytes.write(`${digits.padStart(length - 1, "0")}\0`, start, length, "latin1");
    return;
  }
  bytes.write(value.toString(16).padStart(length * 2, "0"), start, length, "hex");
  bytes[start] = 0x80;
}

/** The zeros that follow content of a size up to the next block. */
export function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES);
}

export function malformed(what: string): WrennError {
  return new WrennError("invalid_request", `the archive is damaged: ${what}`);
}
