/**
 * The agent inside one capsule, reached through its host: Connect services, and plain HTTP whose bodies are streams in both
 * directions. Only calls that are no work for the agent have a time limit of their own, see guest-transport.
 */
import { once } from "node:events";
import * as http from "node:http";
import * as https from "node:https";
import { pipeline } from "node:stream/promises";
import { type Client, createClient } from "@connectrpc/connect";
import { Filesystem } from "@wrenn/protocol/gen/filesystem_pb";
import { Process } from "@wrenn/protocol/gen/process_pb";
import type { Id } from "@wrenn/protocol/ids";
import { guestError, guestHttpError } from "./guest-errors.ts";
import { guestTransport } from "./guest-transport.ts";
import type { HostAddress } from "./host-address.ts";
import { readBytes } from "./read-body.ts";

const MAX_ERROR_BYTES = 64 * 1024;

export interface GuestRequest {
  readonly method: "GET" | "POST";
  /** with its query, e.g. `/files?path=%2Ftmp` */
  readonly path: string;
  readonly headers?: http.OutgoingHttpHeaders;
  /** read no faster than the guest takes it */
  readonly body?: AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
}

export class GuestClient {
  readonly process: Client<typeof Process>;
  readonly filesystem: Client<typeof Filesystem>;
  readonly #host: HostAddress;
  readonly #base: string;

  constructor(host: HostAddress, id: Id<"capsule">) {
    this.#host = host;
    this.#base = `${host.baseUrl}/guest/${id}`;
    const transport = guestTransport({ ...host, baseUrl: this.#base });
    this.process = createClient(Process, transport);
    this.filesystem = createClient(Filesystem, transport);
  }

  /**
   * The answer as soon as its headers are here; its body waits to be read.
   * @throws what the guest's status means, host_unavailable, guest_unreachable, or what the body's source threw
   */
  async request({ method, path, headers = {}, body, signal }: GuestRequest): Promise<http.IncomingMessage> {
    const send = this.#base.startsWith("https:") ? https.request : http.request;
    const call = send(this.#base + path, { ...this.#host.options, method, headers, ...(signal && { signal }) });
    const answered = once(call, "response") as Promise<[http.IncomingMessage]>;
    // Also one that comes after the answer, whose reader sees it then.
    call.on("error", () => {});
    let failure: unknown;
    // What breaks the transfer breaks the call too, which says only that it was broken.
    if (body === undefined) call.end();
    else
      pipeline(
        watched(body, (error) => (failure = error)),
        call,
      ).catch(() => {});
    try {
      const [answer] = await answered;
      const { statusCode = 0 } = answer;
      if (statusCode < 400) return answer;
      const text = await readBytes(answer, MAX_ERROR_BYTES).catch(() => "");
      // What is left of the body is not worth sending.
      if (!call.writableFinished) call.destroy();
      throw guestHttpError(statusCode, answer.headers, `${text}`);
    } catch (error) {
      throw guestError(failure ?? error);
    }
  }
}

async function* watched(
  body: AsyncIterable<Uint8Array>,
  onFailure: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    onFailure(error);
    throw error;
  }
}
