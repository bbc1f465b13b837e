/** The bytes of a file to be sent, read as the user. */
import { closeSync, createReadStream, fstatSync, readSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { WrennError } from "@wrenn/protocol/errors";
import { isErrno } from "../system/file-errors.ts";
import { asUser } from "../system/impersonate.ts";
import type { User } from "../system/users.ts";
import type { ByteRange, Representation, Version } from "./negotiation.ts";
import { openRegular } from "./open-regular.ts";

/**
 * Bytes of a file that is read whole and at once. So its length is known even if it is one of those of /proc and /sys,
 * which say that they are empty, or a page long, and are not.
 */
const SMALL_BYTES = 64 * 1024;
/** More than a small file has; some files of /proc are read in whole words only. */
const FIRST_READ_BYTES = SMALL_BYTES + 4096;
const CHUNK_BYTES = 128 * 1024;

export interface Content extends Representation, Disposable {
  /** To be called once at most. @throws conflict at the end when the file has become shorter meanwhile */
  read(range?: ByteRange): AsyncIterable<Buffer> | Iterable<Buffer>;
}

/** @throws not_found, forbidden, invalid_request for what is not a regular file */
export function openContent(path: string, user: User): Content {
  const descriptor = openRegular(path, user);
  try {
    const { ino, size, mtimeNs, mtimeMs } = fstatSync(descriptor, { bigint: true });
    const etag = `"${ino.toString(36)}-${size.toString(36)}-${mtimeNs.toString(36)}"`;
    const version = { etag, modifiedMs: Number(mtimeMs) };
    if (size > SMALL_BYTES) return largeContent(path, descriptor, Number(size), version);
    const bytes = asUser(user, () => firstBytes(path, descriptor));
    if (bytes.length > SMALL_BYTES) return endlessContent(descriptor, bytes, user);
    closeSync(descriptor);
    return smallContent(bytes, bytes.length === Number(size) ? version : undefined);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function smallContent(bytes: Buffer, version: Version | undefined): Content {
  return {
    size: bytes.length,
    version,
    read: (range) => [range === undefined ? bytes : bytes.subarray(range.start, range.end + 1)],
    [Symbol.dispose]: () => {},
  };
}

function largeContent(path: string, descriptor: number, size: number, version: Version): Content {
  let owned = true;
  return {
    size,
    version,
    async *read({ start, end } = { start: 0, end: size - 1 }) {
      owned = false;
      const options = { fd: descriptor, start, end, highWaterMark: CHUNK_BYTES };
      let missing = end - start + 1;
      for await (const chunk of createReadStream("", options) as AsyncIterable<Buffer>) {
        missing -= chunk.length;
        yield chunk;
      }
      if (missing > 0) throw new WrennError("conflict", `"${path}" became shorter while it was read`);
    },
    [Symbol.dispose]() {
      if (owned) closeSync(descriptor);
    },
  };
}

/** Of a file that says it is small. Its parts are made as they are read, for whoever reads. */
function endlessContent(descriptor: number, first: Buffer, user: User): Content {
  return {
    size: undefined,
    version: undefined,
    async *read() {
      for (let bytes = first; bytes.length > 0; bytes = asUser(user, () => readAtMost(descriptor, SMALL_BYTES))) {
        yield bytes;
        await setImmediate();
      }
    },
    [Symbol.dispose]: () => closeSync(descriptor),
  };
}

/** @throws invalid_request for a file of the kernel's that is for other uses, such as /proc/PID/mem */
function firstBytes(path: string, descriptor: number): Buffer {
  try {
    return readAtMost(descriptor, FIRST_READ_BYTES);
  } catch (cause) {
    const isKernels = fstatSync(descriptor).blocks === 0;
    if (!isKernels || !isErrno(cause, "EIO")) throw cause;
    throw new WrennError("invalid_request", `"${path}" cannot be read like a file`, { cause });
  }
}

function readAtMost(descriptor: number, most: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(most);
  let length = 0;
  while (length < most) {
    const read = readUnlessEmpty(descriptor, bytes.subarray(length));
    if (read === 0) break;
    length += read;
  }
  return bytes.subarray(0, length);
}

/** A file like /proc/kmsg has no end, but times when there is nothing more to read. */
function readUnlessEmpty(descriptor: number, into: Buffer): number {
  try {
    return readSync(descriptor, into);
  } catch (error) {
    if (isErrno(error, "EAGAIN")) return 0;
    throw error;
  }
}
