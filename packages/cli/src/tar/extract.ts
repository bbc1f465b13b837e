/**
 * Writes the members of an archive below a local folder. The archive comes from a guest and is hostile: nothing is written outside the folder,
 * because no member's path may have `..` or a root, and none may pass through a symlink, be it the archive's own or one that was there.
 * Files take their place in one step when they are whole.
 */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fchmodSync,
  futimesSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { asPath, toBytes } from "./bytes.ts";
import type { Member } from "./header.ts";
import { type OnFailure, reasonOf } from "./pack.ts";
import type { MemberSink } from "./read.ts";

/** Bits that a file keeps: a setuid file of a guest's root would be one of this machine's. */
const PERMISSIONS = 0o777;

/** The longest path that Linux takes, in bytes. */
const MAX_PATH_BYTES = 4096;

/** Seconds; what file systems commonly hold, up to the year 2242. */
const LATEST_TIME = 2 ** 33;

/** Parts of a member's path; undefined when it would lead outside the folder. */
export function partsOf(path: string): string[] | undefined {
  if (path.startsWith("/") || path.length > MAX_PATH_BYTES || path.includes("\0")) return undefined;
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  return parts.includes("..") ? undefined : parts;
}

/** A file that is being written under a name of its own. */
interface OpenFile {
  readonly fd: number;
  readonly temporary: string;
  readonly destination: string;
  readonly member: Member;
}

export class Extraction implements MemberSink {
  readonly #root: string;
  readonly #onFailure: OnFailure;
  /** that no archive can know, so that none can name a file like it */
  readonly #temporaryName = `.wrenn-cp-${randomBytes(8).toString("hex")}`;
  /** paths, relative to the root, that are folders and no symlinks */
  readonly #folders = new Set<string>();
  /** folders that were made here, in that order; their modes are set last, because nothing can be put into a read-only one */
  readonly #made = new Map<string, Member | undefined>();
  #file: OpenFile | undefined;

  /** @param folder is made when it is not there. @throws the error of node:fs when it cannot be */
  constructor(folder: string, onFailure: OnFailure) {
    this.#root = toBytes(folder);
    this.#onFailure = onFailure;
    if (mkdirSync(asPath(this.#root), { recursive: true }) !== undefined) this.#made.set("", undefined);
  }

  begin(member: Member): void {
    this.#attempt(member.path, () => this.#make(member));
  }

  content(piece: Buffer): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#attempt(file.member.path, () => {
      for (let at = 0; at < piece.length; ) at += writeSync(file.fd, piece, at);
    });
  }

  end(): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#attempt(file.member.path, () => {
      const { mode, mtime } = file.member;
      fchmodSync(file.fd, mode & PERMISSIONS);
      if (isTime(mtime)) futimesSync(file.fd, mtime, mtime);
      closeSync(file.fd);
      this.#file = undefined;
      this.#replace(file.temporary, file.destination);
    });
  }

  /** Sets the modes of the folders that were made. */
  finish(): void {
    this.abort();
    for (const [path, member] of [...this.#made].toReversed()) {
      if (member === undefined) continue;
      this.#attempt(member.path, () => {
        chmodSync(this.#at(path), member.mode & PERMISSIONS);
        if (isTime(member.mtime)) utimesSync(this.#at(path), member.mtime, member.mtime);
      });
    }
  }

  /** Takes back the file that is only partly there; what it would have replaced is as it was. */
  abort(): void {
    if (this.#file === undefined) return;
    closeSync(this.#file.fd);
    rmSync(this.#at(this.#file.temporary), { force: true });
    this.#file = undefined;
  }

  #attempt(path: string, write: () => void): void {
    try {
      write();
    } catch (error) {
      this.abort();
      this.#onFailure(path, error instanceof Refusal ? error.message : reasonOf(error));
    }
  }

  #make(member: Member): void {
    const parts = partsOf(member.path);
    if (parts === undefined) throw new Refusal("refused: its path leads outside the folder");
    const destination = parts.join("/");
    if (member.type === "directory") {
      this.#enter(parts, true);
      if (this.#made.has(destination)) this.#made.set(destination, member);
      return;
    }
    if (parts.length === 0) throw new Refusal("refused: it has no name");
    const folder = parts.slice(0, -1);
    this.#enter(folder, true);
    const temporary = [...folder, this.#temporaryName].join("/");
    switch (member.type) {
      case "file":
        this.#file = { fd: openSync(this.#at(temporary), "wx", 0o600), temporary, destination, member };
        return;
      case "symlink":
        symlinkSync(asPath(member.target), this.#at(temporary));
        return this.#replace(temporary, destination);
      case "link":
        linkSync(this.#at(this.#linkSource(member)), this.#at(temporary));
        this.#replace(temporary, destination);
        // A rename does nothing when both were names of one file already.
        return rmSync(this.#at(temporary), { force: true });
      case "other":
        throw new Refusal("skipped: neither a file nor a folder nor a link");
    }
  }

  /** The file inside the folder that a hard link names. */
  #linkSource(member: Member): string {
    const parts = partsOf(member.target);
    if (parts === undefined) throw new Refusal("refused: it is a link to a file outside the folder");
    this.#enter(parts.slice(0, -1), false);
    const source = parts.join("/");
    if (!lstatSync(this.#at(source)).isFile()) throw new Refusal("refused: it is a hard link to what is no file");
    return source;
  }

  /** Walks down to a folder and makes what is missing. @throws Refusal when a part is not a folder */
  #enter(parts: readonly string[], make: boolean): void {
    for (let depth = 1; depth <= parts.length; depth++) {
      const path = parts.slice(0, depth).join("/");
      if (this.#folders.has(path)) continue;
      const found = lstatSync(this.#at(path), { throwIfNoEntry: false });
      if (found === undefined && make) {
        mkdirSync(this.#at(path));
        this.#made.set(path, undefined);
      } else if (found?.isDirectory() !== true) {
        throw new Refusal(
          `refused: ${found?.isSymbolicLink() === true ? "a symlink" : "no folder"} is where a folder must be`,
        );
      }
      this.#folders.add(path);
    }
  }

  #replace(temporary: string, destination: string): void {
    try {
      renameSync(this.#at(temporary), this.#at(destination));
    } catch (error) {
      unlinkSync(this.#at(temporary));
      throw error;
    }
  }

  #at(path: string): Buffer {
    return asPath(path === "" ? this.#root : `${this.#root}/${path}`);
  }
}

function isTime(seconds: number): boolean {
  return seconds >= 0 && seconds <= LATEST_TIME;
}

/** A member that is not written, for a reason that is not the file system's. */
class Refusal extends Error {}
