/** The host's side of a capsule's guest agent: own connection pool per capsule, HTTP/1.1 over its TAP. */
import { randomBytes } from "node:crypto";
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { WrennError } from "@wrenn/protocol/errors";
import { Process } from "@wrenn/protocol/gen/process_pb";
import { GUEST_PORT, type GuestHealth, type GuestInit } from "@wrenn/protocol/guest-http";
import { bestReading, type ClockReading, compareClocks, parseClock } from "./clock.ts";

/** bytes from the host that reseed the guest's random pool */
const ENTROPY_BYTES = 64;
/** bytes of an answer of the plain routes */
const MAX_ANSWER = 64 * 1024;
/** bytes of one message of a stream; the agent sends 32 KiB of output at a time */
const MAX_MESSAGE = 256 * 1024;
const RETRY_MS = 5;
/** ms that an answer takes from a guest under emulation, 2 to 8 measured */
const ANSWER_MS = 5;
/** The agent was not there yet, or not there any more. */
const TRY_AGAIN = new Set(["ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ENETUNREACH", "EPIPE", "ETIMEDOUT"]);

export class GuestClient {
  readonly process: Client<typeof Process>;
  readonly #address: string;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 4 });

  constructor(address: string) {
    this.#address = address;
    this.process = createClient(
      Process,
      createConnectTransport({
        baseUrl: `http://${address}:${GUEST_PORT}`,
        httpVersion: "1.1",
        useBinaryFormat: true,
        // The guest is hostile: its root can put another program in the agent's place.
        readMaxBytes: MAX_MESSAGE,
        acceptCompression: [],
        nodeOptions: { agent: this.#agent },
      }),
    );
  }

  async health(timeoutMs: number): Promise<GuestHealth> {
    const body = await this.#untilAnswered("GET", "/health", () => undefined, timeoutMs);
    return JSON.parse(body) as GuestHealth;
  }

  /** Makes a restored machine itself: clock and entropy are read anew for every attempt. */
  async init(init: GuestInit, timeoutMs: number): Promise<void> {
    const body = () => ({ ...init, timestampMs: Date.now(), entropy: randomBytes(ENTROPY_BYTES).toString("base64") });
    await this.#untilAnswered("POST", "/init", body, timeoutMs);
  }

  /**
   * The guest's clocks beside the host's: the best of `samples` readings, fewer when one is good enough.
   * @throws guest_unreachable, agent_error for an answer that cannot be true
   */
  async clock(timeoutMs: number, samples = 3): Promise<ClockReading> {
    const deadline = Date.now() + timeoutMs;
    return bestReading(() => this.#readClock(Math.max(deadline - Date.now(), 1)), samples);
  }

  async #readClock(timeoutMs: number): Promise<ClockReading> {
    let sent = 0;
    // Called for every attempt: those that found nobody are not part of the round trip.
    const noBody = () => {
      sent = performance.now();
    };
    const text = await this.#untilAnswered("GET", "/clock", noBody, timeoutMs);
    return compareClocks(parseClock(text), Date.now(), performance.now() - sent);
  }

  /** Lets the guest write out its files, and forget those it can read again, before its memory is saved. */
  prepare(timeoutMs: number): Promise<ClockReading> {
    return this.#prepare("", timeoutMs);
  }

  /** Lets the guest write out its files before its memory is saved; it keeps in memory what it read, for all who share the snapshot. */
  prepareTemplate(timeoutMs: number): Promise<ClockReading> {
    return this.#prepare("?page_cache=keep", timeoutMs);
  }

  /** The guest reads its clocks last, just before it answers. Connections that no request uses end before it is saved. */
  async #prepare(query: string, timeoutMs: number): Promise<ClockReading> {
    const answer = this.#untilAnswered("POST", `/snapshot/prepare${query}`, () => undefined, timeoutMs);
    // The request has its connection by now: under emulation a new one takes the guest longer than the request.
    this.#closeIdle();
    return compareClocks(parseClock(await answer), Date.now(), ANSWER_MS);
  }

  #closeIdle(): void {
    for (const sockets of Object.values(this.#agent.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Tries until the agent answers; only a missing connection is tried again. @throws guest_unreachable, agent_error */
  async #untilAnswered(method: string, path: string, body: () => unknown, timeoutMs: number): Promise<string> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      try {
        return await this.#once(method, path, body(), Math.max(deadline - Date.now(), 1));
      } catch (error) {
        const again = TRY_AGAIN.has((error as NodeJS.ErrnoException).code ?? "");
        if (error instanceof WrennError) throw error;
        if (!again || Date.now() + RETRY_MS >= deadline) {
          throw new WrennError("guest_unreachable", `the guest agent did not answer ${path} in ${timeoutMs} ms`, {
            cause: error,
          });
        }
        await sleep(RETRY_MS);
      }
    }
  }

  #once(method: string, path: string, body: unknown, timeoutMs: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const headers =
        payload === undefined
          ? {}
          : { "content-type": "application/json", "content-length": Buffer.byteLength(payload) };
      const call = request(
        { host: this.#address, port: GUEST_PORT, method, path, headers, agent: this.#agent },
        (answer) => {
          let text = "";
          answer.setEncoding("utf8");
          answer.on("data", (piece: string) => {
            text += piece;
            if (text.length > MAX_ANSWER) answer.destroy(new Error("answer too long"));
          });
          answer.once("error", reject);
          answer.once("end", () => {
            const status = answer.statusCode ?? 0;
            if (status >= 200 && status < 300) resolve(text);
            else
              reject(
                new WrennError("agent_error", `the guest agent answered ${path} with status ${status}`, {
                  cause: text,
                }),
              );
          });
        },
      );
      const timer = setTimeout(() => call.destroy(new Error("timeout")), timeoutMs);
      call.once("close", () => clearTimeout(timer));
      call.once("error", reject);
      call.end(payload);
    });
  }
}
