/** `POST /files`: writes one file from the body, or each file of a multipart body. */
import type { IncomingMessage } from "node:http";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { WrennError } from "@wrenn/protocol/errors";
import type { Agent } from "../agent.ts";
import { sendJson } from "../http/respond.ts";
import type { RouteHandler } from "../http/router.ts";
import { aboutFile, toFileError } from "../system/file-errors.ts";
import type { User } from "../system/users.ts";
import { decodeBody } from "./decode-body.ts";
import { beginFile } from "./file-in-making.ts";
import { FileSink } from "./file-sink.ts";
import { type FileTarget, fileTarget, requirePath } from "./file-target.ts";
import { type Metadata, metadataOf } from "./metadata.ts";
import { boundaryOf, partsOf } from "./multipart.ts";

const FILE_FIELD = "file";

export interface UploadLimits {
  /** bytes of one file; the disk is the only limit when undefined */
  readonly fileBytes?: number | undefined;
}

export function uploadRoute(agent: Pick<Agent, "users" | "settings">, limits: UploadLimits): RouteHandler {
  return async (request, response, query) => {
    const upload = new Upload(request, fileTarget(agent, query), limits);
    const written = await upload.receive();
    sendJson(response, 200, written);
  };
}

interface WrittenFile {
  readonly path: string;
  readonly name: string;
  readonly type: "file";
  readonly metadata?: Metadata;
}

class Upload {
  readonly #request: IncomingMessage;
  readonly #target: FileTarget;
  readonly #limit: number;
  readonly #metadata: Metadata;
  readonly #written = new Map<string, WrittenFile>();

  constructor(request: IncomingMessage, target: FileTarget, limits: UploadLimits) {
    this.#request = request;
    this.#target = target;
    this.#limit = limits.fileBytes ?? Infinity;
    this.#metadata = metadataOf(request);
  }

  async receive(): Promise<WrittenFile[]> {
    const contentType = this.#request.headers["content-type"] ?? "application/octet-stream";
    const kind = contentType.split(";", 1)[0]?.trim().toLowerCase();
    const { body, size } = decodeBody(this.#request);
    if (kind === "multipart/form-data") {
      for await (const part of partsOf(body, boundaryOf(contentType))) {
        if (part.name === FILE_FIELD) await this.#save(part.body, undefined, part.filename);
      }
      if (this.#written.size === 0) throw new WrennError("invalid_request", `no part is called "${FILE_FIELD}"`);
    } else if (kind === "application/octet-stream") {
      await this.#save(body, size);
    } else {
      const problem = "the Content-Type must be multipart/form-data or application/octet-stream";
      throw new WrennError("unsupported_media_type", problem);
    }
    return [...this.#written.values()];
  }

  async #save(source: AsyncIterable<Buffer>, expectedBytes: number | undefined, filename?: string): Promise<void> {
    const { path: wanted, user } = this.#target;
    const path = requirePath(wanted ?? filename, user);
    if (this.#written.has(path)) throw new WrennError("invalid_request", `two of the files are to become "${path}"`);
    await saveFile(path, user, source, { expectedBytes, metadata: this.#metadata, limit: this.#limit });
    const hasMetadata = Object.keys(this.#metadata).length > 0;
    const file = { path, name: basename(path), type: "file" } as const;
    this.#written.set(path, hasMetadata ? { ...file, metadata: this.#metadata } : file);
  }
}

interface SaveOptions {
  /** bytes that are to come, if that is known */
  readonly expectedBytes: number | undefined;
  readonly metadata: Metadata;
  /** bytes */
  readonly limit: number;
}

async function saveFile(path: string, user: User, source: AsyncIterable<Buffer>, options: SaveOptions): Promise<void> {
  const tooLarge = (): WrennError =>
    new WrennError("too_large", `"${path}" would be larger than ${options.limit} bytes`);
  if ((options.expectedBytes ?? 0) > options.limit) throw tooLarge();
  const file = aboutFile(path, () => beginFile(path, user, options));
  const sink = new FileSink(file.descriptor, options.limit, tooLarge);
  try {
    await pipeline(source, sink);
    await file.commit(sink.written);
  } catch (error) {
    await sink.abandon();
    file.discard();
    throw toFileError(path, error);
  }
}
