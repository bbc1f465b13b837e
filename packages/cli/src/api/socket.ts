/**
 * A WebSocket of the REST API: JSON messages both ways. Each side is held back when the other one is slow, which the WebSocket of the
 * web platform cannot do; hence `ws`.
 */
import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import type { WebSocket } from "ws";
import { type ApiTarget, connectionLost, notRunning, requireWhole, toError } from "./http.ts";

/** Milliseconds between two signs of life that are asked for, and that may go unanswered twice. */
const PING_MS = 15_000;
const MAX_MISSED_PINGS = 2;
/** Characters underway from which on the server may have stopped reading because a process does. */
const MAX_UNCONFIRMED = 64 * 1024;
const HANDSHAKE_MS = 30_000;
/** Milliseconds that the server has to answer a farewell. */
const FAREWELL_MS = 1000;
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** Messages that may wait for their reader before no more are received. */
const MAX_WAITING = 64;
const NORMAL_CLOSURE = 1000;

export class MessageSocket<In, Out extends object> implements AsyncIterable<In>, Disposable {
  readonly #url: string;
  readonly #socket: WebSocket;
  readonly #waiting: In[] = [];
  #pings: NodeJS.Timeout | undefined;
  #wake = () => {};
  #missedPings = 0;
  /** characters of all messages, and of those that the server has for certain */
  #sent = 0;
  #confirmed = 0;
  /** close code, once it is closed */
  #closed: number | undefined;

  private constructor(url: string, socket: WebSocket) {
    this.#url = url;
    this.#socket = socket;
    socket.on("message", (data: Buffer) => this.#receive(data.toString("utf8")));
    socket.on("pong", (data) => {
      this.#missedPings = 0;
      this.#confirmed = Number(data);
    });
    socket.on("open", () => (this.#pings = setInterval(() => this.#ping(), PING_MS)));
    socket.on("close", (code) => {
      clearInterval(this.#pings);
      this.#closed ??= code;
      this.#wake();
    });
  }

  /** @throws not_running, connection_lost, or the error that the server refuses the stream with */
  static async open<In, Out extends object>(
    target: ApiTarget,
    path: string,
    signal?: AbortSignal,
  ): Promise<MessageSocket<In, Out>> {
    const { WebSocket: Socket } = await import("ws");
    const url = new URL(requireWhole(path), target.url);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new Socket(url, {
      headers: { "x-api-key": target.key },
      handshakeTimeout: HANDSHAKE_MS,
      maxPayload: MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
    });
    const messages = new MessageSocket<In, Out>(target.url, socket);
    const giveUp = () => socket.terminate();
    signal?.addEventListener("abort", giveUp);
    return new Promise((resolve, reject) => {
      socket.once("open", () => {
        signal?.removeEventListener("abort", giveUp);
        resolve(messages);
      });
      socket.on("error", (error) => reject(notRunning(target.url, error)));
      socket.once("unexpected-response", (_request, answer: IncomingMessage) => {
        text(answer)
          .then(
            (body) => reject(toError(answer.statusCode ?? 0, body)),
            (error: unknown) => reject(connectionLost(target.url, error)),
          )
          .finally(() => socket.terminate());
      });
    });
  }

  /** Resolves when the message is on its way and there is room for the next. @throws connection_lost */
  send(message: Out): Promise<void> {
    const data = JSON.stringify(message);
    return new Promise((resolve, reject) => {
      this.#socket.send(data, (error) => {
        if (error) reject(connectionLost(this.#url, error));
        else resolve();
      });
      this.#sent += data.length;
    });
  }

  /** The messages up to the end that the server or `close` makes. @throws connection_lost when it ends otherwise */
  async *[Symbol.asyncIterator](): AsyncGenerator<In> {
    for (;;) {
      const message = this.#waiting.shift();
      if (message !== undefined) yield message;
      else if (this.#closed === NORMAL_CLOSURE) return;
      else if (this.#closed !== undefined) throw connectionLost(this.#url);
      else {
        this.#socket.resume();
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    }
  }

  /** Leaves it: what was sent still goes out, what has come is dropped. */
  close(): void {
    if (this.#closed !== undefined) return;
    this.#closed = NORMAL_CLOSURE;
    this.#waiting.length = 0;
    this.#wake();
    // The server's farewell comes after all that it has sent.
    this.#socket.removeAllListeners("message").resume();
    this.#socket.close(NORMAL_CLOSURE);
    setTimeout(() => this.#socket.terminate(), FAREWELL_MS).unref();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #receive(data: string): void {
    const message = parse(data);
    if (message === undefined) return;
    this.#waiting.push(message as In);
    if (this.#waiting.length >= MAX_WAITING) this.#socket.pause();
    this.#wake();
  }

  /** A connection can die without a word, as when a machine slept; nobody would ever know. */
  #ping(): void {
    // As long as this side does not read, it sees no signs of life.
    if (this.#socket.isPaused) return;
    const mayBeStopped = this.#sent - this.#confirmed > MAX_UNCONFIRMED;
    if (!mayBeStopped && this.#missedPings === MAX_MISSED_PINGS) return this.#socket.terminate();
    if (!mayBeStopped) this.#missedPings += 1;
    this.#socket.ping(String(this.#sent));
  }
}

/** What is no message is ignored, as messages of an unknown type are. */
function parse(data: string): object | undefined {
  try {
    const message: unknown = JSON.parse(data);
    return typeof message === "object" && message !== null ? message : undefined;
  } catch {
    return undefined;
  }
}
