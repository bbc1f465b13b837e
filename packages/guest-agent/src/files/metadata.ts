/** What a client wants kept with a file: `X-Metadata-<key>: <value>` at the upload, an extended attribute on the disk. */
import type { IncomingMessage } from "node:http";
import { WrennError } from "@wrenn/protocol/errors";
import { onDisk } from "../system/byte-path.ts";
import { isErrno } from "../system/file-errors.ts";
import { openPath } from "../system/open-path.ts";
import { readAttributes, removeAttribute, setAttribute } from "../system/xattr.ts";

export const METADATA_PREFIX = "user.e2b.";

const HEADER_PREFIX = "x-metadata-";
/** XATTR_NAME_MAX of Linux. */
const MAX_NAME_BYTES = 255;
/** Bytes of names and values together: what ext4 has room for beside an inode. */
const MAX_BYTES = 4096;

export type Metadata = Readonly<Record<string, string>>;

/** Keys are in lower case; of a header sent twice the first one counts. @throws invalid_request for what cannot be kept */
export function metadataOf({ rawHeaders }: Pick<IncomingMessage, "rawHeaders">): Metadata {
  const metadata = new Map<string, string>();
  let bytes = 0;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [header = "", value = ""] = [rawHeaders[index]?.toLowerCase(), rawHeaders[index + 1]];
    const key = header.slice(HEADER_PREFIX.length);
    if (!header.startsWith(HEADER_PREFIX) || metadata.has(key)) continue;
    const name = METADATA_PREFIX + key;
    if (key === "" || name.length > MAX_NAME_BYTES) {
      const most = MAX_NAME_BYTES - METADATA_PREFIX.length;
      throw new WrennError("invalid_request", `a metadata key must be 1 to ${most} characters long`);
    }
    if (!/^[\x20-\x7e]*$/.test(value)) {
      throw new WrennError("invalid_request", `the metadata value of "${key}" is not printable ASCII`);
    }
    metadata.set(key, value);
    bytes += name.length + value.length;
  }
  if (bytes <= MAX_BYTES) return Object.fromEntries(metadata);
  throw new WrennError(
    "invalid_request",
    `the metadata are larger than ${MAX_BYTES} bytes with the prefix of each key`,
  );
}

/** Gives a new file its metadata. @throws invalid_request when its file system keeps none, or not as much */
export function writeMetadata(descriptor: number, metadata: Metadata): void {
  for (const [key, value] of Object.entries(metadata)) {
    try {
      setAttribute(descriptor, METADATA_PREFIX + key, Buffer.from(value));
    } catch (error) {
      if (!isErrno(error, "EOPNOTSUPP", "ENOTSUP", "ENOSPC", "E2BIG", "ERANGE")) throw error;
      const problem = isErrno(error, "EOPNOTSUPP", "ENOTSUP")
        ? "keeps no metadata"
        : "has no room for that much metadata";
      throw new WrennError("invalid_request", `the file system ${problem}`, { cause: error });
    }
  }
}

/** Takes the metadata from a file that is written anew. */
export function removeMetadata(descriptor: number): void {
  const kept = readAttributes(onDisk(openPath(descriptor)), METADATA_PREFIX, { follow: true });
  for (const key of Object.keys(kept)) removeAttribute(descriptor, METADATA_PREFIX + key);
}
