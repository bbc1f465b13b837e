/** Makes a folder with all above it that are missing, and takes away again what was made in vain. */
import { constants, mkdirSync, rmdirSync } from "node:fs";
import { dirname } from "node:path";
import { type BytePath, onDisk } from "./byte-path.ts";
import { isErrno } from "./file-errors.ts";
import { type Held, hold, holdFolderOf, nameOf } from "./held.ts";

const MODE = 0o755;

/** The path of the topmost folder that was made; undefined when all were there. @throws errors of the file system */
export function makeFolders(path: BytePath): BytePath | undefined {
  const missing: BytePath[] = [];
  let folder = holdDeepest(path, missing);
  const topmost = missing.at(-1);
  try {
    for (let next = missing.pop(); next !== undefined; next = missing.pop()) {
      const inner = makeFolder(folder, nameOf(next));
      folder[Symbol.dispose]();
      folder = inner;
    }
  } finally {
    folder[Symbol.dispose]();
  }
  return topmost;
}

/** Removes the folder and those above it up to the topmost one, as far as there is nothing in them. */
export function removeFolders(path: BytePath, topmost: BytePath): void {
  try {
    for (let folder = path; folder.length >= topmost.length; folder = dirname(folder) as BytePath) {
      using parent = holdFolderOf(folder);
      rmdirSync(onDisk(parent.at(nameOf(folder))));
    }
  } catch {
    // Somebody else uses it by now.
  }
}

/** The deepest folder of the path that is there. The others are added to `missing`, the topmost one last. */
function holdDeepest(path: BytePath, missing: BytePath[]): Held {
  for (let folder = path; ; folder = dirname(folder) as BytePath) {
    try {
      return hold(folder, constants.O_DIRECTORY);
    } catch (error) {
      if (!isErrno(error, "ENOENT") || folder === "/") throw error;
      missing.push(folder);
    }
  }
}

function makeFolder(parent: Held, name: BytePath): Held {
  try {
    mkdirSync(onDisk(parent.at(name)), { mode: MODE });
  } catch (error) {
    // Somebody else has made it meanwhile, or a link leads nowhere.
    if (!isErrno(error, "EEXIST")) throw error;
  }
  return parent.follow(name, constants.O_DIRECTORY);
}
