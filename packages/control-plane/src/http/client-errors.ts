/** Answers what is not HTTP, or too much of it, in the form of all errors: no route is reached by it. */
import type { Socket } from "node:net";
import { WrennError } from "@wrenn/protocol/errors";
import { toEnvelope } from "../api/envelope.ts";

interface Refusal {
  readonly status: string;
  readonly message: string;
}

const MALFORMED: Refusal = { status: "400 Bad Request", message: "the request is not valid HTTP" };

const REFUSALS: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: { status: "431 Request Header Fields Too Large", message: "the headers are too large" },
  ERR_HTTP_REQUEST_TIMEOUT: { status: "408 Request Timeout", message: "the headers did not come in time" },
};

/** For the event `clientError` of the server. */
export function refuseConnection({ code = "" }: NodeJS.ErrnoException, socket: Socket): void {
  // Of a client that left there is nobody to tell.
  if (code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const { status, message } = REFUSALS[code] ?? MALFORMED;
  const body = JSON.stringify(toEnvelope(new WrennError("invalid_request", message)));
  const headers = [
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`HTTP/1.1 ${status}\r\n${headers.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}
