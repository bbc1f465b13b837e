/** One HTTP request to the API, with bodies as streams. It waits as long as the server works: a command may run for hours. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isErrorCode, WrennError } from "@wrenn/protocol/errors";
import type { ErrorEnvelope } from "@wrenn/protocol/rest/common";

export interface ApiTarget {
  readonly url: string;
  readonly key: string;
}

export interface Body {
  readonly type: string;
  readonly content: string | Readable;
  /** bytes; unknown when absent */
  readonly size?: number | undefined;
}

/** Segments that a URL loses: without them `DELETE …/checkpoints/..` would destroy the capsule. */
const LOST_SEGMENT = /\/\.{0,2}(?=\/|$|\?)/;

/** @throws invalid_request when a segment of the path is empty, `.` or `..` */
export function requireWhole(path: string): string {
  if (LOST_SEGMENT.test(path)) throw new WrennError("invalid_request", 'no id or name is empty, "." or ".."');
  return path;
}

/**
 * Sends a request; resolves when the answer begins, whatever its status. An answer that comes before the body is sent ends the sending.
 * @throws not_running when nothing listens, connection_lost, and whatever the body's own stream throws
 */
export function send(target: ApiTarget, method: string, path: string, body?: Body): Promise<IncomingMessage> {
  const { url, key } = target;
  const open = url.startsWith("https:") ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const call = open(new URL(requireWhole(path), url), { method, headers: { "x-api-key": key, ...describe(body) } });
    call.once("response", resolve);
    let connected = false;
    call.once("socket", (socket) => {
      connected = !socket.connecting;
      // A kept socket has been connected all along.
      if (!connected) socket.once("connect", () => (connected = true));
    });
    const fail = (error: unknown) => reject(connected ? connectionLost(url, error) : notRunning(url, error));
    // After the answer has begun, what breaks the request says nothing new.
    call.on("error", fail);
    if (typeof body?.content === "object") {
      const source = body.content;
      call.once("response", () => source.destroy());
      pipeline(source, call).catch((error: unknown) => (source.errored === error ? reject(error) : fail(error)));
    } else call.end(body?.content);
  });
}

function describe(body: Body | undefined): Record<string, string | number> {
  if (body === undefined) return {};
  const size = typeof body.content === "string" ? Buffer.byteLength(body.content) : body.size;
  return { "content-type": body.type, ...(size === undefined ? {} : { "content-length": size }) };
}

export function notRunning(url: string, cause: unknown): WrennError {
  return new WrennError("not_running", `no Wrenn answers at ${url}`, { cause });
}

export function connectionLost(url: string, cause?: unknown): WrennError {
  const message = `the connection to ${url} broke; what was asked may have been done`;
  return new WrennError("connection_lost", message, { cause });
}

/** The server's own error, or one that says what came instead. */
export function toError(status: number, text: string): WrennError {
  try {
    const { error } = JSON.parse(text) as ErrorEnvelope;
    return codedError(error.reason ?? error.code, error.message);
  } catch {
    return new WrennError("internal_error", `the server answered with status ${status} and no error message`);
  }
}

/** An error that the server named; one of a newer server may have a code that is not known here. */
export function codedError(code: string, message: string): WrennError {
  return new WrennError(isErrorCode(code) ? code : "internal_error", message);
}

/** For a stream that the server closed although it had not come to its end. */
export function streamEnded(): WrennError {
  return new WrennError("connection_lost", "the server ended the stream");
}
