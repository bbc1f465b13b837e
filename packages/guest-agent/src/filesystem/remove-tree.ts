/**
 * Removes a tree in short steps. Every folder on the way down is held open, and what is in it is named through it: whoever
 * swaps a folder for a symbolic link meanwhile does not lead the removal elsewhere, and no path becomes too long.
 */
import { closeSync, constants, lstatSync, openSync, renameSync, rmdirSync, unlinkSync } from "node:fs";
import { type BytePath, bytePath, onDisk, within } from "../system/byte-path.ts";
import { isErrno } from "../system/file-errors.ts";
import { entriesOf, type FolderEntry } from "../system/folder-entries.ts";
import { O_PATH, openPath } from "../system/open-path.ts";

/** Names that are held in memory of each folder on the way down. */
const BATCH = 256;
/** Folders that are held open. Those deeper than that are moved up to the first one. */
const MAX_LEVELS = 64;

interface Level {
  /** how the folder is called in the one above */
  readonly path: BytePath;
  readonly descriptor: number;
  entries: FolderEntry[];
}

/** @throws errors of the file system; what is gone already is none */
export function* removeTree(root: BytePath): Generator<void, void> {
  if (!lstatSync(onDisk(root), { throwIfNoEntry: false })?.isDirectory()) {
    unlessGone(() => unlinkSync(onDisk(root)));
    return;
  }
  const levels: Level[] = [];
  try {
    descend(levels, root);
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const entry = level.entries.pop();
      if (entry !== undefined) removeEntry(levels, level, entry);
      else if (!(yield* readEntries(level))) ascend(levels);
      yield;
    }
  } finally {
    for (const { descriptor } of levels) closeSync(descriptor);
  }
}

function descend(levels: Level[], path: BytePath): void {
  const flags = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  unlessGone(() => levels.push({ path, descriptor: openSync(onDisk(path), flags), entries: [] }));
}

function ascend(levels: Level[]): void {
  const level = levels.pop();
  if (level === undefined) return;
  closeSync(level.descriptor);
  unlessGone(() => rmdirSync(onDisk(level.path)));
}

function removeEntry(levels: Level[], { descriptor }: Level, { name, isDirectory }: FolderEntry): void {
  const path = within(openPath(descriptor), name);
  if (!isDirectory) {
    unlessGone(() => unlinkSync(onDisk(path)));
  } else if (levels.length < MAX_LEVELS) {
    descend(levels, path);
  } else {
    const top = openPath(levels[0]?.descriptor ?? descriptor);
    const lifted = within(top, bytePath(`.wrenn-remove-${process.hrtime.bigint()}`));
    unlessGone(() => renameSync(onDisk(path), onDisk(lifted)));
  }
}

/** False when the folder is empty. */
function* readEntries(level: Level): Generator<void, boolean> {
  for (const entry of entriesOf(openPath(level.descriptor))) {
    level.entries.push(entry);
    if (level.entries.length === BATCH) break;
    yield;
  }
  return level.entries.length > 0;
}

function unlessGone(body: () => void): void {
  try {
    body();
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}
