/** Reads a folder bit by bit: it may hold millions of names, and not all of them fit into memory. */
import { opendirSync } from "node:fs";
import { type BytePath, onDisk } from "./byte-path.ts";

export interface FolderEntry {
  readonly name: BytePath;
  /** false for a symbolic link to a directory */
  readonly isDirectory: boolean;
}

/** Names that one system call fetches. */
const BATCH = 64;

/** In the order of the file system. To be read by the user who may: the folder is opened at once, and closed at the end. */
export function* entriesOf(folder: BytePath): Generator<FolderEntry, void> {
  const directory = opendirSync(onDisk(folder), { encoding: "latin1", bufferSize: BATCH });
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      yield { name: entry.name as BytePath, isDirectory: entry.isDirectory() };
    }
  } finally {
    directory.closeSync();
  }
}
