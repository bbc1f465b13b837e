/** Copies into a capsule. */
import { createReadStream, type Stats, statSync } from "node:fs";
import { dirname } from "node:path/posix";
import { addAbortSignal, Readable } from "node:stream";
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import type { FileEntry } from "@wrenn/protocol/rest/files";
import type { ApiClient } from "../api/client.ts";
import { measure, pack, reasonOf } from "../tar/pack.ts";
import { counted } from "./count.ts";
import { forProgram, inside, nameOf } from "./endpoint.ts";
import { GuestTar, unpackFolder } from "./guest-tar.ts";
import type { CopyReport } from "./report.ts";

const PERMISSIONS = 0o777;

export interface Upload {
  readonly api: ApiClient;
  readonly id: string;
  /** in the capsule */
  readonly target: string;
  readonly report: CopyReport;
  readonly signal: AbortSignal;
}

/** @throws invalid_request when it cannot be read */
function statSource(path: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    throw new WrennError("invalid_request", `${path}: ${reasonOf(error)}`, { cause: error });
  }
}

/** Copies a file, whatever it is, or the folder at `path`. */
export async function upload(path: string, wanted: Upload): Promise<void> {
  const { report } = wanted;
  const source = statSource(path);
  const intoFolder = (await statTarget(wanted))?.type === "directory";
  if (!intoFolder && wanted.target.endsWith("/") && !source.isDirectory()) {
    throw new WrennError("invalid_request", `${wanted.target}: there is no such folder in the capsule`);
  }
  const found = { ...wanted, target: intoFolder ? inside(wanted.target, nameOf(path)) : wanted.target };
  if (source.isDirectory()) return uploadFolder(path, found);
  // Files of /proc say that they are empty and are not; pipes say nothing.
  const size = source.isFile() && source.size > 0 ? source.size : undefined;
  report.expect(size);
  await uploadStream(readSource(path, size), size, found);
  if (source.isFile()) await keepMode(source.mode & PERMISSIONS, found);
}

/** Copies a stream into a file. @param size bytes, when it is known */
export async function uploadStream(
  source: Readable,
  size: number | undefined,
  { api, id, target, report, signal }: Upload,
): Promise<void> {
  const unreadable = (error: unknown) =>
    new WrennError("invalid_request", `what is copied cannot be read: ${reasonOf(error)}`, { cause: error });
  const content = Readable.from(counted(source, size, report, unreadable), { objectMode: false });
  await api.upload(id, target, addAbortSignal(signal, content), size);
}

/** Of a file that grows meanwhile only the size that was promised. */
function readSource(path: string, size: number | undefined): Readable {
  return createReadStream(path, size === undefined ? {} : { end: size - 1 });
}

/** Undefined when nothing is there, be it the file or the capsule: what follows will tell. */
async function statTarget({ api, id, target }: Upload): Promise<FileEntry | undefined> {
  try {
    return await api.stat(id, target);
  } catch (error) {
    if (hasCode(error, "not_found")) return undefined;
    throw error;
  }
}

async function keepMode(mode: number, { api, id, target }: Upload): Promise<void> {
  if ((await api.stat(id, target)).mode === mode) return;
  const args = [mode.toString(8), forProgram(target)];
  const { exit_code, stderr } = await api.exec(id, { cmd: "chmod", args });
  if (exit_code !== 0) throw new WrennError("agent_error", `its mode could not be set: ${stderr.trim()}`);
}

async function uploadFolder(path: string, { api, id, target, report, signal }: Upload): Promise<void> {
  const place = forProgram(target);
  report.expect(measure(path));
  await using tar = new GuestTar(api, id, unpackFolder(place, dirname(place)), report, signal);
  let feeding: Promise<void> | undefined;
  await tar.run(
    () => {
      feeding ??= tar.feed(pack(path, report.failed));
    },
    () => {},
  );
  await feeding;
}
