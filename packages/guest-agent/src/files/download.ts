/** `GET /files` and `HEAD /files`: the bytes of a regular file, or a part of them. */
import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { constants, createGzip } from "node:zlib";
import type { Agent } from "../agent.ts";
import { sendJson } from "../http/respond.ts";
import type { RouteHandler } from "../http/router.ts";
import { aboutFile } from "../system/file-errors.ts";
import { type Content, openContent } from "./content.ts";
import { fileTarget, requirePath } from "./file-target.ts";
import { negotiate, type Unchanged, type WithBody } from "./negotiation.ts";

export function downloadRoute(agent: Pick<Agent, "users" | "settings">): RouteHandler {
  return async (request, response, query) => {
    const target = fileTarget(agent, query);
    const path = requirePath(target.path, target.user);
    using content = aboutFile(path, () => openContent(path, target.user));
    const answer = negotiate(request.headers, content);
    if (answer.status === 406 || answer.status === 416) return refuse(response, answer.status, content);
    response.writeHead(answer.status, headersOf(path, content, answer));
    if (request.method === "HEAD" || answer.status === 304) response.end();
    else await sendBody(response, content, answer);
  };
}

/** For the two statuses that nothing but a download has. */
function refuse(response: ServerResponse, status: 406 | 416, { size }: Content): void {
  if (status === 416) response.setHeader("content-range", `bytes */${size}`);
  const message = status === 416 ? `the file has only ${size} bytes` : "a file is sent as it is or compressed by gzip";
  sendJson(response, status, { code: status, message });
}

async function sendBody(response: ServerResponse, content: Content, answer: WithBody): Promise<void> {
  if (answer.status === 206) await pipeline(content.read(answer.range), response);
  else if (answer.encoding === "identity") await pipeline(content.read(), response);
  else await pipeline(content.read(), createGzip({ level: constants.Z_BEST_SPEED }), response);
}

function headersOf(path: string, { size, version }: Content, answer: WithBody | Unchanged): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { "accept-ranges": "bytes", vary: "accept-encoding" };
  const isCompressed = answer.status === 200 && answer.encoding === "gzip";
  if (version !== undefined) {
    const modified = new Date(version.modifiedMs);
    headers["etag"] = isCompressed ? `W/${version.etag}` : version.etag;
    if (!Number.isNaN(modified.getTime())) headers["last-modified"] = modified.toUTCString();
  }
  if (answer.status === 304) return headers;

  headers["content-type"] = "application/octet-stream";
  headers["x-content-type-options"] = "nosniff";
  headers["content-disposition"] = `inline; filename*=UTF-8''${encodeName(basename(path))}`;
  if (answer.status === 206) {
    const { start, end } = answer.range;
    headers["content-range"] = `bytes ${start}-${end}/${size}`;
    headers["content-length"] = end - start + 1;
  } else if (isCompressed) headers["content-encoding"] = "gzip";
  else if (size !== undefined) headers["content-length"] = size;
  return headers;
}

/** RFC 8187 leaves fewer characters as they are than URLs do. */
function encodeName(name: string): string {
  const escape = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(name.toWellFormed()).replace(/['()*]/g, escape);
}
