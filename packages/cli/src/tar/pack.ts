/** Makes a tar archive of a local folder, piece by piece. It reads synchronously: with many small files that is several times as fast. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { asPath, toBytes } from "./bytes.ts";
import { BLOCK_BYTES, encodeHeader, padding } from "./header.ts";

const PIECE_BYTES = 64 * 1024;

/** Told of each member that could not be copied: its path in the archive as a byte string, and why. */
export type OnFailure = (path: string, reason: string) => void;

/**
 * The archive of what is in a folder, in pieces of at most 64 KiB but for long names; the first member is the folder itself, as `.`.
 * Symlinks are kept; a hard link becomes a file of its own.
 * @throws the error of node:fs when the folder itself cannot be read
 */
export function* pack(folder: string, onFailure: OnFailure): Generator<Buffer> {
  let pending: Buffer[] = [];
  let length = 0;
  for (const piece of pieces(toBytes(folder), onFailure)) {
    if (length + piece.length > PIECE_BYTES) {
      yield Buffer.concat(pending);
      pending = [];
      length = 0;
    }
    pending.push(piece);
    length += piece.length;
  }
  yield Buffer.concat(pending);
}

/** About how many bytes the archive of a folder will have; what cannot be read counts nothing. */
export function measure(folder: string): number {
  let bytes = 0;
  const visit = (path: string) => {
    for (const name of attempt(() => readdirSync(asPath(path), "latin1")) ?? []) {
      const found = attempt(() => lstatSync(asPath(`${path}/${name}`)));
      bytes += BLOCK_BYTES;
      if (found?.isDirectory() === true) visit(`${path}/${name}`);
      if (found?.isFile() === true) bytes += Math.ceil(found.size / BLOCK_BYTES) * BLOCK_BYTES;
    }
  };
  visit(toBytes(folder));
  return bytes;
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function* pieces(root: string, onFailure: OnFailure): Generator<Buffer> {
  const names = readdirSync(asPath(root), "latin1");
  yield directoryHeader(".", root);
  yield* children(root, ".", names, onFailure);
  yield Buffer.alloc(2 * BLOCK_BYTES);
}

function directoryHeader(path: string, source: string): Buffer {
  const { mode, mtimeMs } = lstatSync(asPath(`${source}/.`));
  return encodeHeader({ path, type: "directory", size: 0, mode, mtime: mtimeMs / 1000, target: "" });
}

function* children(folder: string, member: string, names: string[], onFailure: OnFailure): Generator<Buffer> {
  for (const name of names) {
    const path = `${member}/${name}`;
    const source = `${folder}/${name}`;
    try {
      const found = lstatSync(asPath(source));
      const facts = { path, mode: found.mode, mtime: found.mtimeMs / 1000, target: "" };
      if (found.isDirectory()) {
        const inside = readdirSync(asPath(source), "latin1");
        yield directoryHeader(path, source);
        yield* children(source, path, inside, onFailure);
      } else if (found.isSymbolicLink()) {
        const target = readlinkSync(asPath(source), "latin1");
        yield encodeHeader({ ...facts, type: "symlink", size: 0, target });
      } else if (found.isFile()) yield* file(path, source, onFailure);
      else onFailure(path, "neither a file nor a folder nor a symlink");
    } catch (error) {
      onFailure(path, reasonOf(error));
    }
  }
}

/** A file that is shorter than it was becomes zeros from there on: the archive has promised its size. */
function* file(path: string, source: string, onFailure: OnFailure): Generator<Buffer> {
  // Were it replaced by a FIFO meanwhile, the opening would wait for ever.
  const fd = openSync(asPath(source), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size, mode, mtimeMs } = fstatSync(fd);
    yield encodeHeader({ path, type: "file", size, mode, mtime: mtimeMs / 1000, target: "" });
    let intact = true;
    for (let at = 0; at < size; ) {
      const piece = Buffer.alloc(Math.min(PIECE_BYTES, size - at));
      const count = intact ? readPiece(fd, piece, at) : 0;
      if (count === 0 && intact) {
        intact = false;
        onFailure(path, "could not be read to its end");
      }
      const read = intact ? piece.subarray(0, count) : piece;
      yield read;
      at += read.length;
    }
    yield padding(size);
  } finally {
    closeSync(fd);
  }
}

function readPiece(fd: number, piece: Buffer, at: number): number {
  try {
    return readSync(fd, piece, 0, piece.length, at);
  } catch {
    return 0;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  ENOENT: "not found",
  ENOSPC: "no space left on the disk",
  EDQUOT: "the disk quota is exhausted",
  EISDIR: "is a folder",
  ENOTDIR: "is no folder",
  ENOTEMPTY: "is a folder",
  EEXIST: "exists already",
  EROFS: "the file system is read-only",
  ENAMETOOLONG: "the name is too long",
  EIO: "input or output error",
};

/** A failure of node:fs in words. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (code === undefined ? undefined : REASONS[code]) ?? code ?? message;
}
