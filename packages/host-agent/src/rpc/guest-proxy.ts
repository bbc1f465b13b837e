/**
 * `/guest/{capsule id}/…`: forwards HTTP to the agent inside a capsule, as streams in both directions. While a request is open the
 * capsule counts as used. A pause or the end of the machine breaks it; only one that the guest cannot have seen is refused as
 * one for a capsule that does not run.
 */
import type { EventEmitter } from "node:events";
import {
  type ClientRequest,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
  request as sendRequest,
} from "node:http";
import { pipeline } from "node:stream";
import { WrennError } from "@wrenn/protocol/errors";
import { ACCESS_TOKEN_HEADER, CONTROL_PATHS, ERROR_HEADER, GUEST_PORT } from "@wrenn/protocol/guest-http";
import { parseId } from "@wrenn/protocol/ids";
import type { GuestClient } from "../guest/client.ts";
import type { Machines } from "../machines/registry.ts";
import { endToEndHeaders } from "./end-to-end-headers.ts";

const PREFIX = "/guest/";
/** Clients of Connect take the second for the first. */
const OF_HOST = [ERROR_HEADER, `trailer-${ERROR_HEADER}`];
const TARGET = /^\/guest\/([^/]+)(\/[^?]*)(\?.*)?$/s;

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Its own errors have their code in `ERROR_HEADER`; a guest's answer never has that header. */
export class GuestProxy {
  readonly #machines: Machines;
  readonly #open = new Set<ServerResponse>();

  constructor(machines: Machines) {
    this.#machines = machines;
  }

  /** Takes the server's requests for guests; all others go to `otherwise`. */
  attach(server: EventEmitter, otherwise: RequestListener): void {
    const listen = (event: string, otherRequest: RequestListener) =>
      server.on(event, (request: IncomingMessage, response: ServerResponse) => {
        if (request.url?.startsWith(PREFIX)) void this.#handle({ request, response });
        else otherRequest(request, response);
      });
    listen("request", otherwise);
    // It is for the guest to say whether the client shall send its body.
    listen("checkContinue", (request, response) => {
      response.writeContinue();
      otherwise(request, response);
    });
  }

  /** Breaks the requests that are open. */
  close(): void {
    for (const response of this.#open) response.destroy();
  }

  async #handle(exchange: Exchange): Promise<void> {
    const { request, response } = exchange;
    this.#open.add(response);
    response.once("close", () => this.#open.delete(response));
    // What the guest says is passed on as it is.
    response.sendDate = false;
    try {
      const { id, path, query } = parseTarget(request.url ?? "");
      if (CONTROL_PATHS.has(path)) throw new WrennError("forbidden", `only the host asks its capsules for ${path}`);
      const { live, activity } = this.#machines.answering(id);
      response.once("close", activity.begin());
      await live.guest.prepared;
      // It may have been paused meanwhile, or the client have left.
      if (!response.closed) this.#forward(this.#machines.running(id).live.guest, id, path + query, exchange);
    } catch (error) {
      refuse(exchange, error);
    }
  }

  #forward(guest: GuestClient, id: string, path: string, exchange: Exchange): void {
    const { request, response } = exchange;
    const call = sendRequest({
      host: guest.address,
      port: GUEST_PORT,
      agent: guest.forwarded,
      method: request.method,
      path,
      headers: forwardedHeaders(guest, request),
    });
    call.once("continue", () => response.writeContinue());
    call.once("response", (answer) => {
      try {
        passOn(answer, call, exchange);
      } catch (cause) {
        call.destroy();
        refuse(exchange, new WrennError("agent_error", "the guest agent's answer is not HTTP", { cause }));
      }
    });
    let failure: Error | undefined;
    call.on("error", (error) => {
      failure = error;
    });
    let isSent = false;
    call.once("socket", (socket) => {
      // One that was used before takes the request at once.
      isSent = !socket.connecting;
      if (isSent) return;
      socket.once("connect", () => {
        isSent = true;
      });
    });
    // Once the answer has begun it is the answer that breaks, unless it is complete.
    call.once("close", () => {
      if (!response.headersSent) refuse(exchange, isSent ? brokenOff(failure) : this.#reasonOf(id, failure));
    });
    // The client is gone; or it has its answer, although not all of its body was wanted.
    response.once("close", () => call.destroy());
    request.pipe(call);
  }

  /** A machine that was paused meanwhile is no agent that failed; whoever is told so may ask again, for nothing was done. */
  #reasonOf(id: string, cause: Error | undefined): unknown {
    try {
      this.#machines.running(id);
    } catch (error) {
      return error;
    }
    return new WrennError("guest_unreachable", "the guest agent cannot be reached", { cause });
  }
}

function brokenOff(cause: Error | undefined): WrennError {
  const message = "the connection to the guest agent broke; what was asked may have been done";
  return new WrennError("guest_unreachable", message, { cause });
}

function parseTarget(url: string): { id: string; path: string; query: string } {
  const [, id = "", path, query = ""] = TARGET.exec(url) ?? [];
  if (path === undefined) throw new WrennError("invalid_request", "the path must be /guest/{capsule id}/…");
  return { id: parseId("capsule", id), path, query };
}

function forwardedHeaders(guest: GuestClient, { rawHeaders, headers }: IncomingMessage): string[] {
  return [
    ...endToEndHeaders(rawHeaders, ["host", ACCESS_TOKEN_HEADER]),
    ...["host", `${guest.address}:${GUEST_PORT}`],
    ...Object.entries(guest.authentication).flat(),
    // Whether there is a body of unknown length is not for the method to say.
    ...(headers["transfer-encoding"] === undefined ? [] : ["transfer-encoding", "chunked"]),
  ];
}

/** @throws Error when the answer has headers that cannot be written */
function passOn(answer: IncomingMessage, call: ClientRequest, { request, response }: Exchange): void {
  const { statusCode = 502, statusMessage = "", rawHeaders } = answer;
  response.writeHead(statusCode, statusMessage, endToEndHeaders(rawHeaders, OF_HOST));
  // The first message of a stream may come much later.
  response.flushHeaders();
  if (statusCode >= 400 && !request.complete) {
    // A client that does not read while it sends has to be rid of its body before it learns why nobody wants it.
    request.unpipe(call);
    request.resume();
  }
  // An answer that breaks off breaks the client's connection: half of it must not be taken for all.
  pipeline(answer, response, () => {});
}

function refuse({ request, response }: Exchange, error: unknown): void {
  const { code, message, spec } = WrennError.from(error);
  response.writeHead(spec.status, { "content-type": "application/json", [ERROR_HEADER]: code });
  response.end(JSON.stringify({ code, message }));
  request.resume();
}
