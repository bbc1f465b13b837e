/**
 * Describes a tree in short steps: each folder before what is in it, the names in a folder sorted by their bytes. Symbolic
 * links are not followed, so that no loop is walked.
 */
import { WrennError } from "@wrenn/protocol/errors";
import { FileType } from "@wrenn/protocol/gen/filesystem_pb";
import { type BytePath, textOf, within } from "../system/byte-path.ts";
import { isErrno, UNREADABLE } from "../system/file-errors.ts";
import { entriesOf } from "../system/folder-entries.ts";
import { type Held, hold } from "../system/held.ts";
import type { Owners } from "../system/owners.ts";
import { describeIn, type Entry } from "./entry.ts";

export interface WalkOptions {
  /** levels, at least 1 */
  readonly depth: number;
  readonly maxEntries: number;
  readonly owners: Owners;
}

/** Folders below the first one that cannot be read appear empty. @throws errors of the file system, too_large */
export function* walk(root: BytePath, { depth, maxEntries, owners }: WalkOptions): Generator<void, Entry[]> {
  const found: Entry[] = [];
  const budget = { root, left: maxEntries, maxEntries, owners };
  // What is still to be told. The next one is the last of the last, which is the deepest, level.
  const levels = [yield* childrenOf(root, budget)];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const child = level.pop();
    if (child === undefined) {
      levels.pop();
      continue;
    }
    const { path, entry } = child;
    found.push(entry);
    const isFolder = entry.type === FileType.DIRECTORY && entry.isSymlink !== true;
    if (isFolder && levels.length < depth) levels.push(yield* readableChildrenOf(path, budget));
  }
  return found;
}

interface Budget {
  readonly root: BytePath;
  readonly maxEntries: number;
  readonly owners: Owners;
  left: number;
}

interface Child {
  readonly path: BytePath;
  readonly entry: Entry;
}

/** Of what can be described in the folder, the last by name first. The folder is held no longer than for this. @throws too_large */
function* childrenOf(path: BytePath, budget: Budget): Generator<void, Child[]> {
  using folder = hold(path);
  const children: Child[] = [];
  for (const name of yield* namesIn(folder, budget)) {
    const childPath = within(path, name);
    const entry = whatIsThere(folder, childPath, budget.owners);
    if (entry !== undefined) children.push({ path: childPath, entry });
    yield;
  }
  return children;
}

/** The last by name comes first. @throws too_large */
function* namesIn(folder: Held, budget: Budget): Generator<void, BytePath[]> {
  const names: BytePath[] = [];
  for (const { name } of entriesOf(folder.path)) {
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

function* readableChildrenOf(path: BytePath, budget: Budget): Generator<void, Child[]> {
  try {
    return yield* childrenOf(path, budget);
  } catch (error) {
    if (isErrno(error, ...UNREADABLE)) return [];
    throw error;
  }
}

function whatIsThere(folder: Held, path: BytePath, owners: Owners): Entry | undefined {
  try {
    return describeIn(folder, path, owners);
  } catch (error) {
    if (isErrno(error, ...UNREADABLE)) return undefined;
    throw error;
  }
}
