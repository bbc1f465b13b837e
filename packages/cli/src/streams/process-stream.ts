/**
 * The output of a process in a capsule, from the start of the process or of the watching to its end. A connection that breaks is made anew, and
 * the output goes on at the byte where it stopped: the server keeps the newest 256 KiB of each process.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import type {
  ExecStartMessage,
  ProcessClientMessage,
  ProcessServerMessage,
  PtyClientMessage,
  PtyFirstMessage,
  PtyServerMessage,
} from "@wrenn/protocol/rest/streams";
import type { ApiClient, Query } from "../api/client.ts";
import { codedError, streamEnded } from "../api/http.ts";
import type { MessageSocket } from "../api/socket.ts";

export type ServerMessage = ProcessServerMessage | PtyServerMessage;
export type ClientMessage = ProcessClientMessage | PtyClientMessage;
type InputMessage = Extract<ClientMessage, { type: "stdin" | "input" | "close_stdin" }>;

/** Where to connect, and what to say first. */
export interface Opening {
  readonly segments: readonly string[];
  readonly query?: Query;
  readonly first?: ExecStartMessage | PtyFirstMessage;
}

/** How the stream of a process is opened, and opened again after `seq` bytes of output. */
export interface Connection {
  readonly begin: Opening;
  resume(seq: number): Opening;
}

export type ProcessEvent =
  /** the process runs; comes again after every reconnection */
  | { readonly type: "start"; readonly pid: number; readonly tag?: string | undefined }
  | { readonly type: "output"; readonly to: "stdout" | "stderr" | "terminal"; readonly data: Buffer }
  /** output that is missing here */
  | { readonly type: "gap"; readonly lostBytes: number }
  /** as shells say it: 128 and the number of the signal that ended it */
  | { readonly type: "exit"; readonly exitCode: number; readonly timedOut: boolean };

/** Milliseconds before each attempt to connect again, in all about as long as the server keeps what is left of a process that ended. */
const RETRY_MS = [0, 200, 500, 1000, 2000, 4000, 4000, 4000, 4000, 4000, 4000];

/** Milliseconds after which a connection was a good one: when it breaks, all attempts are made again. */
const STABLE_MS = 10_000;

/**
 * Bytes of input that the process may have yet to take. The server stops reading at 1 MiB; as long as there is less, signals
 * get through.
 */
const MAX_UNDERWAY_BYTES = 512 * 1024;
/** What a message counts besides its bytes. */
const MESSAGE_COST = 64;

/** What a stream may break with although the process goes on. */
const BROKEN = ["connection_lost", "not_running", "host_unavailable", "guest_unreachable", "agent_error"] as const;

type Socket = MessageSocket<ServerMessage, ClientMessage | NonNullable<Opening["first"]>>;

export class ProcessStream implements AsyncIterable<ProcessEvent> {
  readonly #api: ApiClient;
  readonly #id: string;
  readonly #connection: Connection;
  readonly #leaving = new AbortController();
  /** the connection, also while it is being made */
  #socket: Promise<Socket>;
  /** resolved when another connection takes the place of `#socket`, or none ever will */
  #replaced = Promise.withResolvers<void>();
  /** settle when all messages so far are on their way: input, and those that do not wait for it */
  #inputSent = Promise.resolve();
  #sent = Promise.resolve();
  #started = false;
  /** bytes of output that have been handed on */
  #seq = 0;
  /** bytes of input that this connection was given, and of those that the process has taken */
  #given = 0;
  #taken = 0;
  #room = Promise.withResolvers<void>();
  /** input that must not be lost was sent */
  #precious = false;
  #connectedAt = 0;
  #attempt = 0;

  constructor(api: ApiClient, id: string, connection: Connection) {
    this.#api = api;
    this.#id = id;
    this.#connection = connection;
    this.#socket = this.#open(connection.begin);
    // Why there is none is told where the events are read.
    this.#socket.catch(() => {});
  }

  /** True when no more is sent or received. */
  get over(): boolean {
    return this.#leaving.signal.aborted;
  }

  /**
   * Sends a message, after those before it and as soon as there is a connection; only input waits for a process that does not take what was
   * sent before. Resolves when it is on its way, or when the stream is over. Never throws: what breaks the stream is told where its events
   * are read.
   */
  send(message: ClientMessage): Promise<void> {
    if (isInput(message)) return (this.#inputSent = this.#inputSent.then(() => this.#give(message)));
    return (this.#sent = this.#sent.then(() => this.#deliver(message)));
  }

  /** The events up to the exit, or to `close`. @throws what the server ends it with, and connection_lost */
  async *[Symbol.asyncIterator](): AsyncGenerator<ProcessEvent> {
    try {
      for (;;) {
        const socket = await this.#socket.catch((error: unknown) => {
          if (!this.over) throw error;
        });
        if (socket === undefined) return;
        try {
          yield* this.#events(socket);
          return;
        } catch (error) {
          if (!this.#started || !hasCode(error, ...BROKEN)) throw error;
          if (this.#precious && this.#given > this.#taken) throw inputInDoubt(error);
          this.#replace(this.#reconnect());
        }
      }
    } finally {
      this.close();
    }
  }

  /** Leaves the process alone: it lives on. */
  close(): void {
    this.#leaving.abort();
    this.#replaced.resolve();
    this.#room.resolve();
    this.#socket.then(
      (socket) => socket.close(),
      () => {},
    );
  }

  async #give(message: InputMessage): Promise<void> {
    while (this.#given - this.#taken >= MAX_UNDERWAY_BYTES && !this.over) await this.#room.promise;
    await this.#deliver(message);
  }

  async #deliver(message: ClientMessage): Promise<void> {
    while (!this.over) {
      const replaced = this.#replaced.promise;
      const socket = await this.#socket.catch(() => undefined);
      if (message.type === "stdin" || message.type === "close_stdin") this.#precious = true;
      try {
        return await socket?.send(isInput(message) ? this.#numbered(message) : message);
      } catch {
        await replaced;
      }
    }
  }

  #numbered(message: InputMessage): InputMessage {
    this.#given += MESSAGE_COST + (message.type === "close_stdin" ? 0 : bytesOf(message.data));
    return { ...message, ack: this.#given };
  }

  async *#events(socket: Socket): AsyncGenerator<ProcessEvent> {
    for await (const message of socket) {
      yield* this.#toEvents(message);
      if (message.type === "exit") return;
    }
    if (this.over) return;
    throw streamEnded();
  }

  async #open({ segments, query, first }: Opening): Promise<Socket> {
    const socket: Socket = await this.#api.socket(this.#id, segments, query, this.#leaving.signal);
    if (first !== undefined) await socket.send(first);
    this.#connectedAt = performance.now();
    return socket;
  }

  #replace(socket: Promise<Socket>): void {
    this.#socket = socket;
    socket.catch(() => {});
    // What is underway to a terminal is lost with the connection.
    this.#given = 0;
    this.#setTaken(0);
    this.#replaced.resolve();
    this.#replaced = Promise.withResolvers();
  }

  #setTaken(bytes: number): void {
    this.#taken = bytes;
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }

  async #reconnect(): Promise<Socket> {
    if (performance.now() - this.#connectedAt > STABLE_MS) this.#attempt = 0;
    let last: unknown;
    while (this.#attempt < RETRY_MS.length) {
      await sleep(RETRY_MS[this.#attempt++], undefined, { signal: this.#leaving.signal });
      try {
        return await this.#open(this.#connection.resume(this.#seq));
      } catch (error) {
        if (!hasCode(error, ...BROKEN)) throw error;
        last = error;
      }
    }
    const message = "the connection broke and could not be made again; the process goes on";
    throw new WrennError("connection_lost", message, { cause: last });
  }

  *#toEvents(message: ServerMessage): Generator<ProcessEvent> {
    switch (message.type) {
      case "start":
      case "started":
        this.#started = true;
        yield { type: "start", pid: message.pid, tag: message.tag };
        break;
      case "output":
        yield* this.#output("terminal", message);
        break;
      case "stdout":
      case "stderr":
        yield* this.#output(message.type, message);
        break;
      case "gap":
        yield* this.#gap(message.lost_bytes);
        break;
      case "ack":
        this.#setTaken(message.ack);
        break;
      case "exit":
        yield {
          type: "exit",
          exitCode: message.signal === undefined ? message.exit_code : 128 + message.signal,
          timedOut: message.timed_out === true,
        };
        break;
      case "error":
        // Otherwise it is about input that the process does not take, or a signal that came too late.
        if (message.fatal === true) throw codedError(message.reason ?? message.code, message.data);
        break;
      default:
    }
  }

  /** The part of a piece of output that has not been handed on yet. */
  *#output(
    to: "stdout" | "stderr" | "terminal",
    { data, seq }: { data: string; seq?: number | undefined },
  ): Generator<ProcessEvent> {
    const bytes = Buffer.from(data, "base64");
    const end = seq ?? this.#seq + bytes.length;
    const begin = end - bytes.length;
    // Of a replay from the very beginning the server does not say that it begins later.
    if (begin > this.#seq) yield* this.#gap(begin - this.#seq);
    if (end <= this.#seq) return;
    const fresh = bytes.subarray(this.#seq - begin);
    this.#seq = end;
    yield { type: "output", to, data: fresh };
  }

  *#gap(lostBytes: number): Generator<ProcessEvent> {
    this.#seq += lostBytes;
    yield { type: "gap", lostBytes };
  }
}

function isInput(message: ClientMessage): message is InputMessage {
  return message.type === "stdin" || message.type === "input" || message.type === "close_stdin";
}

/** Of base64, at most. */
function bytesOf(data: string): number {
  return Math.ceil(data.length / 4) * 3;
}

function inputInDoubt(cause: unknown): WrennError {
  return new WrennError("connection_lost", "the connection broke; some of the input may not have arrived", { cause });
}
