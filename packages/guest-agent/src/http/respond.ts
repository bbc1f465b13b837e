/** Answers of the plain HTTP routes: JSON, and errors as `{code, message}` where the code is the HTTP status. */
import type { ServerResponse } from "node:http";
import type { WrennError } from "@wrenn/protocol/errors";

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
  // What is left of an unread body must not be taken for the next request, nor be read to its end.
  if (!response.req.complete) response.setHeader("connection", "close");
  sendJson(response, error.spec.status, { code: error.spec.status, message: error.message });
}
