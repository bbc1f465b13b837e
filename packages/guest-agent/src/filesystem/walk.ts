/**
 * Describes a tree in short steps: each folder before what is in it, the names in a folder sorted by their bytes. Symbolic
 * links are not followed, so that no loop is walked.
 */
import { WrennError } from "@wrenn/protocol/errors";
import { FileType } from "@wrenn/protocol/gen/filesystem_pb";
import { type BytePath, textOf, within } from "../system/byte-path.ts";
import { isErrno, UNREADABLE } from "../system/file-errors.ts";
import { entriesOf } from "../system/folder-entries.ts";
import type { Owners } from "../system/owners.ts";
import { describe, type Entry } from "./entry.ts";

export interface WalkOptions {
  /** levels, at least 1 */
  readonly depth: number;
  readonly maxEntries: number;
  readonly owners: Owners;
}

/** Folders below the first one that cannot be read appear empty. @throws errors of the file system, too_large */
export function* walk(root: BytePath, { depth, maxEntries, owners }: WalkOptions): Generator<void, Entry[]> {
  const found: Entry[] = [];
  const budget = { root, left: maxEntries, maxEntries };
  // What is still to be described. The next one is the last name of the last, which is the deepest, level.
  const levels = [{ folder: root, names: yield* namesIn(root, budget) }];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const name = level.names.pop();
    if (name === undefined) {
      levels.pop();
      continue;
    }
    const path = within(level.folder, name);
    const entry = whatIsThere(path, owners);
    yield;
    if (entry === undefined) continue;
    found.push(entry);
    const isFolder = entry.type === FileType.DIRECTORY && entry.isSymlink !== true;
    if (isFolder && levels.length < depth) levels.push({ folder: path, names: yield* readableNamesIn(path, budget) });
  }
  return found;
}

interface Budget {
  readonly root: BytePath;
  readonly maxEntries: number;
  left: number;
}

/** The last by name comes first. @throws too_large */
function* namesIn(folder: BytePath, budget: Budget): Generator<void, BytePath[]> {
  const names: BytePath[] = [];
  for (const { name } of entriesOf(folder)) {
    if (budget.left === 0) {
      const problem = `"${textOf(budget.root)}" has more than ${budget.maxEntries} entries: list its folders one by one`;
      throw new WrennError("too_large", problem);
    }
    budget.left -= 1;
    names.push(name);
    yield;
  }
  return names.toSorted().toReversed();
}

function* readableNamesIn(folder: BytePath, budget: Budget): Generator<void, BytePath[]> {
  try {
    return yield* namesIn(folder, budget);
  } catch (error) {
    if (isErrno(error, ...UNREADABLE)) return [];
    throw error;
  }
}

function whatIsThere(path: BytePath, owners: Owners): Entry | undefined {
  try {
    return describe(path, owners);
  } catch (error) {
    if (isErrno(error, ...UNREADABLE)) return undefined;
    throw error;
  }
}
