/** Answers of the plain HTTP routes: JSON, and errors as `{code, message}` where the code is the HTTP status. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { WrennError } from "@wrenn/protocol/errors";

/** Bytes of a body that are read for nothing after its request was refused: more than what two sockets hold. */
const MOST_DISCARDED = 16 * 1024 * 1024;

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { "content-type": "application/json", "content-length": text.length }).end(text);
}

/** Answers with the error; when an answer has begun already, cuts the connection so that it cannot be taken for whole. */
export function sendError(response: ServerResponse, error: WrennError): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  sendJson(response, error.spec.status, { code: error.spec.status, message: error.message });
  if (!response.req.complete) discardBody(response.req);
}

/** Closing on a client that is still sending would reset the connection, and take the answer away before it is read. */
export function discardBody(request: IncomingMessage): void {
  let discarded = 0;
  request.on("data", (chunk: Buffer) => {
    discarded += chunk.length;
    if (discarded > MOST_DISCARDED) request.destroy();
  });
}
