/** Copies out of a capsule. What comes from there is hostile: it decides about content, never about where on this machine it goes. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createWriteStream, mkdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { chmod, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { WrennError } from "@wrenn/protocol/errors";
import type { ApiClient } from "../api/client.ts";
import { Extraction } from "../tar/extract.ts";
import { reasonOf } from "../tar/pack.ts";
import { TarReader } from "../tar/read.ts";
import { counted } from "./count.ts";
import { forProgram, inside, nameOf } from "./endpoint.ts";
import { GuestTar, packFolder } from "./guest-tar.ts";
import type { CopyReport } from "./report.ts";

const PERMISSIONS = 0o777;

export interface Download {
  readonly api: ApiClient;
  readonly id: string;
  /** in the capsule */
  readonly path: string;
  readonly report: CopyReport;
  readonly signal: AbortSignal;
}

/** Copies a file or a folder to a place here. @throws invalid_request when that cannot be written */
export async function download(target: string, source: Download): Promise<void> {
  const { type, mode } = await source.api.stat(source.id, source.path);
  let place = target;
  try {
    const found = statSync(target, { throwIfNoEntry: false });
    if (found?.isDirectory() === true) place = inside(target, nameOf(source.path));
    if (type === "directory") await downloadFolder(place, source);
    else await downloadFile(place, mode & PERMISSIONS, source);
  } catch (error) {
    if (error instanceof WrennError || source.signal.aborted) throw error;
    throw new WrennError("invalid_request", `${place}: ${reasonOf(error)}`, { cause: error });
  }
}

/** Copies a file, or the tar archive of a folder, to stdout. */
export async function downloadToPipe(source: Download): Promise<void> {
  const { type } = await source.api.stat(source.id, source.path);
  const write = async (piece: Buffer) => {
    if (!process.stdout.write(piece)) await once(process.stdout, "drain");
  };
  if (type !== "directory") {
    for await (const piece of await bytesOf(source)) await write(piece);
    return;
  }
  const { api, id, path, report, signal } = source;
  await using tar = new GuestTar(api, id, packFolder(forProgram(path)), report, signal);
  await tar.run(
    () => {},
    async (piece) => {
      report.advance(piece.length);
      await write(piece);
    },
  );
}

async function bytesOf({ api, id, path, report }: Download): Promise<AsyncGenerator<Buffer>> {
  const { size, content } = await api.download(id, path);
  report.expect(size);
  const broken = (error: unknown) =>
    new WrennError("connection_lost", "the connection broke in the middle of the file", { cause: error });
  return counted(content, size, report, broken);
}

/** It takes its place in one step when it is whole. */
async function downloadFile(target: string, mode: number, source: Download): Promise<void> {
  const { signal } = source;
  const found = existing(target);
  // A device or a pipe is written to, and not replaced.
  if (found !== undefined && !found.stats.isFile()) {
    return pipeline(await bytesOf(source), createWriteStream(target, { flags: "w" }), { signal });
  }
  const place = found?.path ?? target;
  const temporary = join(dirname(place), `.wrenn-cp-${randomBytes(8).toString("hex")}`);
  const pieces = await bytesOf(source);
  try {
    mkdirSync(dirname(place), { recursive: true });
    await pipeline(pieces, createWriteStream(temporary, { flags: "wx", mode: 0o600 }), { signal });
    await chmod(temporary, mode);
    await rename(temporary, place);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** What is at a path, and where that really is. */
function existing(path: string): { path: string; stats: Stats } | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? undefined : { path: realpathSync(path), stats };
}

async function downloadFolder(target: string, { api, id, path, report, signal }: Download): Promise<void> {
  const extraction = new Extraction(target, report.failed);
  const reader = new TarReader(extraction);
  await using tar = new GuestTar(api, id, packFolder(forProgram(path)), report, signal);
  try {
    const succeeded = await tar.run(
      () => {},
      (piece) => {
        reader.push(piece);
        report.advance(piece.length);
      },
    );
    // One that failed has said why; its archive may end anywhere.
    if (succeeded) reader.finish();
  } finally {
    extraction.finish();
  }
}
