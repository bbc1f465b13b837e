/** Backups as files: written beside the platform that runs, put into a database that is empty. */
import { createReadStream, createWriteStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline as joined, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { WrennError } from "@wrenn/protocol/errors";
import { dump } from "./backup/dump.ts";
import { type Restored, restore } from "./backup/restore.ts";
import { asUnwritable, targetOf } from "./backup/target.ts";
import type { Database } from "./database.ts";
import { withQueryLimit } from "./limited-client.ts";
import { migrateDatabase } from "./migrate.ts";

/**
 * The file is there when it is whole, and on the disk; nobody but its owner can read it.
 * @throws invalid_request when it cannot be made there
 */
export function writeBackup(db: Database, file: string): Promise<void> {
  return withQueryLimit(Number.POSITIVE_INFINITY, () => write(db, file));
}

async function write({ pool }: Database, file: string): Promise<void> {
  const target = await targetOf(file);
  const unfinished = `${target}.${process.pid}.tmp`;
  const client = await pool.connect();
  try {
    const into = createWriteStream(unfinished, { mode: 0o600, flush: true });
    await pipeline(Readable.from(dump(client)), createGzip(), into);
    await rename(unfinished, target);
    await syncFolder(dirname(target));
  } catch (error) {
    throw asUnwritable(error, file);
  } finally {
    await rm(unfinished, { force: true });
    // A session that was cut off in a transaction is not used again.
    client.release(true);
  }
}

/** @throws not_found, and what restore throws; then the database is as empty as before */
export async function readBackup(
  db: Database,
  file: string,
  options: { readonly revokeKeys: boolean } = { revokeKeys: false },
): Promise<Restored> {
  await migrateDatabase(db);
  const lines = linesOf(file);
  const client = await db.pool.connect();
  try {
    return await withQueryLimit(Number.POSITIVE_INFINITY, () => restore(client, lines, options));
  } finally {
    client.release(true);
    await lines.return(undefined);
  }
}

/** @throws not_found, invalid_request for what is damaged or no gzip */
async function* linesOf(file: string): AsyncGenerator<string> {
  // What is wrong with the rest of a file that is not read to its end is nobody's concern.
  const text = joined(createReadStream(file), createGunzip(), () => {}).setEncoding("utf8") as AsyncIterable<string>;
  let rest = "";
  try {
    for await (const chunk of text) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
    if (rest !== "") yield rest;
  } catch (cause) {
    if (cause instanceof WrennError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new WrennError("not_found", `there is no file "${file}"`, { cause });
    throw new WrennError("invalid_request", `"${file}" is not a backup of Wrenn, or is damaged`, { cause });
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
