/** The body of a request without its Content-Encoding. */
import type { IncomingMessage } from "node:http";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { WrennError } from "@wrenn/protocol/errors";
import { isErrno } from "../system/file-errors.ts";

export interface DecodedBody {
  /** leaves the request as it is when it is not read to its end: the client can still be answered */
  readonly body: AsyncIterable<Buffer>;
  /** bytes, if that is known */
  readonly size: number | undefined;
}

/** @throws unsupported_media_type; the body throws invalid_request when it is not what its encoding says */
export function decodeBody(request: IncomingMessage): DecodedBody {
  const encoding = request.headers["content-encoding"]?.trim().toLowerCase() ?? "identity";
  const body: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
  if (encoding === "identity" || encoding === "") {
    const length = request.headers["content-length"];
    return { body, size: length === undefined ? undefined : Number(length) };
  }
  if (encoding === "gzip" || encoding === "x-gzip") return { body: unpack(body), size: undefined };
  throw new WrennError("unsupported_media_type", "the Content-Encoding must be gzip or identity");
}

async function* unpack(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  const gunzip = createGunzip();
  // What goes wrong before the unpacking is thrown by it as well.
  const fed = pipeline(packed, gunzip).catch(() => {});
  try {
    yield* gunzip as AsyncIterable<Buffer>;
  } catch (error) {
    if (!isErrno(error, "Z_DATA_ERROR", "Z_BUF_ERROR", "Z_NEED_DICT")) throw error;
    throw new WrennError("invalid_request", "the body is not what gzip makes, or a part of it", { cause: error });
  } finally {
    gunzip.destroy();
    await fed;
  }
}
