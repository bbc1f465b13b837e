/**
 * The server's side of one WebSocket: JSON messages in both directions, none faster than its receiver. A client that does not
 * read stops what is sent to it; a server that does not read stops the client.
 */
import { WrennError } from "@wrenn/protocol/errors";
import { authMessage } from "@wrenn/protocol/rest/streams";
import type { WebSocket } from "ws";
import type { z } from "zod";
import { errorMessage } from "./error-message.ts";

/** Bytes on the way to a client from which on `send` waits. */
const MAX_UNSENT_BYTES = 256 * 1024;
/** Characters of unread messages from which on the client is stopped; each message counts for some more. */
const MAX_UNREAD = 1024 * 1024;
const MESSAGE_COST = 64;
const NORMAL = 1000;
const POLICY_VIOLATION = 1008;
/** Milliseconds that a client who is refused has to read why. */
const LAST_WORDS_MS = 1000;

/** What is the matter with a client that left; nobody reads it. */
export function clientLeft(): WrennError {
  return new WrennError("connection_lost", "the client closed the stream");
}

export class ClientSocket {
  readonly #socket: WebSocket;
  readonly #left = new AbortController();
  readonly #unread: string[] = [];
  #unreadSize = 0;
  /** resolves when the last message is on its way or the client is gone */
  #sent: Promise<void> = Promise.resolve();
  #fault: WrennError | undefined;
  #holds = 0;
  #closing = false;
  #wake = Promise.withResolvers<void>();

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data, isBinary) => this.#receive(data as Buffer, isBinary));
    socket.once("close", () => {
      this.#left.abort();
      this.#wake.resolve();
    });
    if (socket.readyState !== socket.OPEN) this.#left.abort();
  }

  /** Aborts when the client is gone or was refused. */
  get left(): AbortSignal {
    return this.#left.signal;
  }

  /** Resolves when the client may get more. @throws connection_lost when it is gone */
  async send(message: object): Promise<void> {
    if (this.left.aborted) throw clientLeft();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.send(JSON.stringify(message), () => resolve());
    this.#sent = promise;
    if (this.#socket.bufferedAmount > MAX_UNSENT_BYTES) await promise;
  }

  /** Sends without waiting; a client that is behind will know by what else it reads. */
  tell(message: object): void {
    if (!this.left.aborted && this.#socket.bufferedAmount <= MAX_UNSENT_BYTES)
      this.#socket.send(JSON.stringify(message));
  }

  /** Shows the client, and what is between, that the stream lives. */
  ping(message?: object): void {
    if (!this.left.aborted) this.#socket.ping();
    if (message !== undefined) this.tell(message);
  }

  /** The first message. @throws invalid_request for what is none, connection_lost when the client is gone before */
  async first<T>(schema: z.ZodType<T>): Promise<T> {
    for (let text = await this.#next(); text !== undefined; text = await this.#next()) {
      const { data, error } = parseMessage(schema, text);
      if (error === undefined) return data;
      // A client that is known already may say who it is all the same.
      if (!parseMessage(authMessage, text).success) throw toInvalid(error);
    }
    throw clientLeft();
  }

  /** All later ones until the client is gone; types that `schema` does not have are left out. @throws invalid_request */
  async *messages<T>(schema: z.ZodType<T>): AsyncGenerator<T> {
    for (let text = await this.#next(); text !== undefined; text = await this.#next()) {
      const { data, error } = parseMessage(schema, text);
      if (error === undefined) yield data;
      else if (!isOtherType(error)) throw toInvalid(error);
    }
  }

  /**
   * Stops the client until then; what it has sent is still read. That it leaves meanwhile is noticed when a ping does not reach it.
   */
  hold(until: Promise<void>): void {
    this.#holds += 1;
    this.#socket.pause();
    void until.then(() => {
      this.#holds -= 1;
      this.#resumeIfRoom();
    });
  }

  /** Closes it once the client has taken what was sent, however long it takes for that. */
  async close(): Promise<void> {
    await this.#sent;
    this.#closing = true;
    // Also when the client was stopped: its answer to the close has to be read, after all else that it has sent.
    if (this.#socket.isPaused) this.#socket.resume();
    this.#socket.close(NORMAL);
  }

  /** Ends it for whoever may not go on: what they have sent and nobody has read is dropped, and they are gone in a moment. */
  refuse(why: WrennError): void {
    if (this.#closing || this.left.aborted) return;
    this.#fault = why;
    this.#unread.length = 0;
    this.#closing = true;
    this.#socket.send(JSON.stringify(errorMessage(why, true)));
    if (this.#socket.isPaused) this.#socket.resume();
    this.#socket.close(POLICY_VIOLATION, why.code);
    const patience = setTimeout(() => this.#socket.terminate(), LAST_WORDS_MS);
    this.#socket.once("close", () => clearTimeout(patience));
    this.#left.abort();
    this.#wake.resolve();
  }

  async #next(): Promise<string | undefined> {
    while (this.#unread.length === 0) {
      if (this.#fault !== undefined) throw this.#fault;
      if (this.left.aborted) return undefined;
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
    const text = this.#unread.shift() ?? "";
    this.#unreadSize -= text.length + MESSAGE_COST;
    this.#resumeIfRoom();
    return text;
  }

  #resumeIfRoom(): void {
    if (this.#holds === 0 && this.#unreadSize <= MAX_UNREAD && this.#socket.isPaused) this.#socket.resume();
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#fault !== undefined || this.#closing) return;
    if (isBinary) this.#fault = new WrennError("invalid_request", "messages are JSON in text frames");
    else {
      const text = data.toString("utf8");
      this.#unread.push(text);
      this.#unreadSize += text.length + MESSAGE_COST;
      if (this.#unreadSize > MAX_UNREAD) this.#socket.pause();
    }
    this.#wake.resolve();
  }
}

/** @throws invalid_request for what is not JSON */
function parseMessage<T>(schema: z.ZodType<T>, text: string): z.ZodSafeParseResult<T> {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch (cause) {
    throw new WrennError("invalid_request", "a message is not JSON", { cause });
  }
  return schema.safeParse(message);
}

/** True for a message that is right but for its type, which a later version may have. */
function isOtherType({ issues: [issue] }: z.ZodError): boolean {
  return issue?.code === "invalid_union" && issue.path.join() === "type" && issue.errors.length === 0;
}

function toInvalid({ issues: [issue] }: z.ZodError): WrennError {
  const field = issue === undefined || issue.path.length === 0 ? "the message" : issue.path.join(".").slice(0, 200);
  return new WrennError("invalid_request", `${field}: ${issue?.message ?? "is invalid"}`);
}
