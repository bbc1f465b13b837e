/** Answers with the bytes of a file as they come from the capsule. */
import type { IncomingMessage } from "node:http";
import type { FastifyReply } from "fastify";

/** What describes the bytes. The type is not among them: what a capsule sends must never run as a page of the API. */
const PASSED = [
  "content-length",
  "content-encoding",
  "content-range",
  "content-disposition",
  "accept-ranges",
  "etag",
  "last-modified",
  "vary",
] as const;

/** A client that is slow slows the capsule down; one that leaves, or a capsule that breaks off, ends the other's part. */
export function sendFile(reply: FastifyReply, answer: IncomingMessage): FastifyReply {
  for (const name of PASSED) {
    const value = answer.headers[name];
    if (value !== undefined) reply.header(name, value);
  }
  return reply
    .code(answer.statusCode ?? 200)
    .header("x-content-type-options", "nosniff")
    .type("application/octet-stream")
    .send(answer);
}
