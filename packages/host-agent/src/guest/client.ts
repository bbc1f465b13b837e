/** The host's side of a capsule's guest agent: own connections per capsule, HTTP/1.1 over its TAP. */
import { randomBytes } from "node:crypto";
import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { WrennError } from "@wrenn/protocol/errors";
import { Process } from "@wrenn/protocol/gen/process_pb";
import {
  ACCESS_TOKEN_HEADER,
  AGENT_REVISION_HEADER,
  GUEST_PORT,
  type GuestHealth,
  type GuestInit,
  type GuestMetrics,
} from "@wrenn/protocol/guest-http";
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

/** Node asks the other end of an unused connection every second whether it is there, and would keep the guest awake with it. */
const PROBE_MS = 600_000;

interface Answer {
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
}

export class GuestClient {
  readonly process: Client<typeof Process>;
  readonly address: string;
  /** connections of requests that the host forwards for others: they break when this closes */
  readonly forwarded = newConnections();
  readonly #own = newConnections();
  #prepared: Promise<unknown> | undefined;
  #accessToken: string | undefined;

  /** @param accessToken that an earlier init has set */
  constructor(address: string, accessToken?: string) {
    this.address = address;
    this.#accessToken = accessToken;
    const authenticate: Interceptor = (next) => (call) => {
      for (const [name, value] of Object.entries(this.authentication)) call.header.set(name, value);
      return next(call);
    };
    this.process = createClient(
      Process,
      createConnectTransport({
        baseUrl: `http://${address}:${GUEST_PORT}`,
        httpVersion: "1.1",
        useBinaryFormat: true,
        // The guest is hostile: its root can put another program in the agent's place.
        readMaxBytes: MAX_MESSAGE,
        // A field that nobody knows takes two bytes of a message, and hundreds when it is kept.
        binaryOptions: { readUnknownFields: false },
        acceptCompression: [],
        interceptors: [authenticate],
        nodeOptions: { agent: this.#own },
      }),
    );
  }

  /** Resolves when the guest does not close the connections that it takes for unused. */
  get prepared(): Promise<unknown> | undefined {
    return this.#prepared;
  }

  /** The headers that open the agent. */
  get authentication(): Readonly<Record<string, string>> {
    return this.#accessToken === undefined ? {} : { [ACCESS_TOKEN_HEADER]: this.#accessToken };
  }

  async health(timeoutMs: number): Promise<GuestHealth> {
    const { text } = await this.#untilAnswered("GET", "/health", () => undefined, timeoutMs);
    return JSON.parse(text) as GuestHealth;
  }

  /**
   * Makes a restored machine itself: clock and entropy are read anew for every attempt. A token that it sets is used from then
   * on. Returns the revision of the agent.
   */
  async init(init: GuestInit, timeoutMs: number): Promise<number> {
    const body = () => ({ ...init, timestampMs: Date.now(), entropy: randomBytes(ENTROPY_BYTES).toString("base64") });
    const { headers } = await this.#untilAnswered("POST", "/init", body, timeoutMs);
    this.#accessToken = init.accessToken ?? this.#accessToken;
    return revisionOf(headers[AGENT_REVISION_HEADER]);
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
    const { text } = await this.#untilAnswered("GET", "/clock", noBody, timeoutMs);
    return compareClocks(parseClock(text), Date.now(), performance.now() - sent);
  }

  /** What the guest uses of what it has. @throws guest_unreachable, agent_error for an answer that cannot be true */
  async metrics(timeoutMs: number): Promise<Pick<GuestMetrics, "mem_used">> {
    const { text } = await this.#untilAnswered("GET", "/metrics", () => undefined, timeoutMs);
    return parseMetrics(text);
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
    this.#prepared = answer.catch(() => {});
    // The request has its connection by now: under emulation a new one takes the guest longer than the request.
    this.#closeIdle();
    return compareClocks(parseClock((await answer).text), Date.now(), ANSWER_MS);
  }

  #closeIdle(): void {
    for (const { freeSockets } of [this.#own, this.forwarded]) {
      for (const socket of Object.values(freeSockets).flat()) socket?.destroy();
    }
  }

  /** Breaks all connections, also those that requests use. */
  close(): void {
    this.#own.destroy();
    this.forwarded.destroy();
  }

  /** Tries until the agent answers; only a missing connection is tried again. @throws guest_unreachable, agent_error */
  async #untilAnswered(method: string, path: string, body: () => unknown, timeoutMs: number): Promise<Answer> {
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

  #once(method: string, path: string, body: unknown, timeoutMs: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const headers = {
        ...this.authentication,
        ...(payload && { "content-type": "application/json", "content-length": Buffer.byteLength(payload) }),
      };
      const call = request(
        { host: this.address, port: GUEST_PORT, method, path, headers, agent: this.#own },
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
            if (status >= 200 && status < 300) resolve({ text, headers: answer.headers });
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

function newConnections(): Agent {
  return new Agent({ keepAlive: true, keepAliveMsecs: PROBE_MS, maxFreeSockets: 4 });
}

function parseMetrics(text: string): Pick<GuestMetrics, "mem_used"> {
  let used: unknown;
  try {
    used = Object(JSON.parse(text)).mem_used;
  } catch (cause) {
    throw new WrennError("agent_error", "the guest agent answered /metrics with something that is not JSON", { cause });
  }
  if (typeof used === "number" && used >= 0 && used <= Number.MAX_SAFE_INTEGER) return { mem_used: used };
  throw new WrennError("agent_error", "the guest agent answered /metrics with impossible figures");
}

/** Agents before the second do not say. */
function revisionOf(header: string | string[] | undefined): number {
  return /^\d{1,6}$/.test(String(header)) ? Number(header) : 1;
}
