/** The parts `path` and `file` of a form. The file is a stream: nothing of it is kept in memory. */
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import { filePath } from "@wrenn/protocol/rest/files";
import type { FastifyRequest } from "fastify";

/** Bounds of what surrounds the file, which has its own. */
const BOUNDS = {
  parts: 20,
  fields: 16,
  files: 2,
  fieldSize: 16_384,
  headerPairs: 64,
  fileSize: Number.MAX_SAFE_INTEGER,
};

type Bytes = AsyncIterable<Uint8Array>;

export interface Form extends AsyncDisposable {
  readonly path: string;
  readonly file: Bytes;
}

export interface FormOptions {
  /** bytes of the file */
  readonly limit?: number;
  /** the file may come before its path; it then waits on the disk of this machine */
  readonly anyOrder?: boolean;
}

/** @throws invalid_request for any other body; too_large, also while the file is read */
export async function readForm(
  request: Pick<FastifyRequest, "isMultipart" | "parts">,
  { limit = Infinity, anyOrder = false }: FormOptions = {},
): Promise<Form> {
  if (!request.isMultipart()) throw new WrennError("invalid_request", "the content type must be multipart/form-data");
  await using stack = new AsyncDisposableStack();
  let path: string | undefined;
  let spooled: Bytes | undefined;
  try {
    for await (const part of request.parts({ limits: BOUNDS })) {
      if (part.type === "field") {
        if (part.fieldname === "path") path = parsePath(part.value);
        if (part.fieldname === "file") throw new WrennError("invalid_request", "the part file must have a file name");
      } else if (part.fieldname === "file" && spooled === undefined) {
        const file = bytesOf(part.file, limit);
        if (path !== undefined) return formOf(path, file, stack);
        if (!anyOrder) throw new WrennError("invalid_request", "the part path must come before the part file");
        spooled = await spool(file, stack);
      } else {
        part.file.resume();
      }
      if (path !== undefined && spooled !== undefined) return formOf(path, spooled, stack);
    }
  } catch (error) {
    throw asFormError(error);
  }
  throw new WrennError("invalid_request", `the part ${path === undefined ? "path" : "file"} is missing`);
}

function formOf(path: string, file: Bytes, stack: AsyncDisposableStack): Form {
  const owned = stack.move();
  return { path, file, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function parsePath(value: unknown): string {
  const { data, error } = filePath.safeParse(value);
  if (error !== undefined) throw new WrennError("invalid_request", `path ${error.issues[0]?.message}`);
  return data;
}

async function* bytesOf(file: Bytes, limit: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  try {
    for await (const chunk of file) {
      bytes += chunk.byteLength;
      if (bytes > limit) {
        throw new WrennError("too_large", `the file is larger than ${limit} bytes: use files/stream/write`);
      }
      yield chunk;
    }
  } catch (error) {
    throw asFormError(error);
  }
}

/** What the parser says is about the body. */
function asFormError(error: unknown): WrennError {
  if (hasCode(error, "too_large", "invalid_request", "disk_full")) return error;
  return new WrennError("invalid_request", "the body is not valid multipart/form-data", { cause: error });
}

async function spool(file: Bytes, stack: AsyncDisposableStack): Promise<Bytes> {
  const folder = await mkdtemp(join(tmpdir(), "wrenn-upload-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "file");
  try {
    await pipeline(file, createWriteStream(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    throw new WrennError("disk_full", "the server has no room for a file that comes before its path", { cause: error });
  }
  return contentOf(path);
}

/** Opened when it is read, which it is not when the form turns out to be incomplete. */
async function* contentOf(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path) as AsyncIterable<Buffer>;
}
