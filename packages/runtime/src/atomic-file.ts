/** Files that are either the old or the new version after a crash at any moment: write, fsync, rename, fsync the folder. */
import { randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Replaces the file as one step, on disk when the promise resolves. @throws the error of the file system; the old file stays */
export async function writeFileAtomic(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/**
 * The text of a file that root keeps for itself. It is made when it is missing: of several who find it so at the same time, whoever
 * is first decides, and all have the same.
 */
export async function readOrMakeFile(path: string, make: () => string | Promise<string>): Promise<string> {
  const kept = await readIfPresent(path);
  if (kept !== undefined) return kept;
  const mine = `${path}.${randomBytes(4).toString("hex")}`;
  await writeFileAtomic(mine, await make(), 0o600);
  try {
    await link(mine, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  } finally {
    await rm(mine, { force: true });
  }
  await syncDirectory(dirname(path));
  return readFile(path, "utf8");
}

async function readIfPresent(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}

/** The file as JSON, or undefined when it does not exist. @throws SyntaxError when it is not JSON */
export async function readJson(path: string): Promise<unknown> {
  const text = await readIfPresent(path);
  return text === undefined ? undefined : JSON.parse(text);
}

/**
 * Publishes a folder of files as one step: `fill` writes into a temporary sibling, which is then synced and renamed.
 * When `path` exists already the new one is dropped: folders published this way never change.
 */
export async function publishDirectory(path: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = join(dirname(path), `.${randomBytes(4).toString("hex")}.tmp`);
  await mkdir(temporary, { recursive: true, mode: 0o755 });
  try {
    await fill(temporary);
    await syncDirectory(temporary);
    await rename(temporary, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
    await syncDirectory(dirname(path));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
