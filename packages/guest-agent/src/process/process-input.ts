/** What a process is given to read: written in order, and no faster than it reads. */
import type { Socket } from "node:net";
import { WrennError } from "@wrenn/protocol/errors";
import { Room } from "./room.ts";

/** Bytes that may wait for a process that does not read, and for all of them together: the agent is never killed for memory. */
const MAX_WAITING = 1024 * 1024;
const MAX_WAITING_FOR_ALL = 16 * 1024 * 1024;
/** Most bytes that wait for room at once. */
const PIECE_BYTES = 256 * 1024;

const roomForAll = new Room(MAX_WAITING_FOR_ALL);

export class ProcessInput {
  readonly #pid: number;
  readonly #open: () => Socket;
  #socket: Socket | undefined;
  readonly #room = new Room(MAX_WAITING);
  readonly #closing = new AbortController();

  /** @param open makes the socket to write to; most processes are given nothing, so it is called when it is needed */
  constructor(pid: number, open: () => Socket) {
    this.#pid = pid;
    this.#open = open;
  }

  /** Resolves when the kernel has taken all of it for the process. @throws invalid_state, too_large when there is no room for it */
  write(bytes: Uint8Array): Promise<void> {
    const socket = this.#connected();
    if (!this.#isWritable(socket)) return Promise.reject(this.#notReading());
    if (!this.#room.tryTake(bytes.length)) return Promise.reject(this.#tooMuch(`process ${this.#pid} does not read`));
    if (!roomForAll.tryTake(bytes.length)) {
      this.#room.give(bytes.length);
      return Promise.reject(this.#tooMuch("processes do not read"));
    }
    return this.#put(socket, bytes);
  }

  /** The same, but waits until there is room. @throws invalid_state */
  async writeAll(bytes: Uint8Array): Promise<void> {
    for (let start = 0; start < bytes.length || start === 0; start += PIECE_BYTES) {
      await this.#writePiece(bytes.subarray(start, start + PIECE_BYTES));
    }
  }

  async #writePiece(piece: Uint8Array): Promise<void> {
    const { signal } = this.#closing;
    if (!(await this.#room.take(piece.length, signal))) throw this.#notReading();
    if (!(await roomForAll.take(piece.length, signal))) {
      this.#room.give(piece.length);
      throw this.#notReading();
    }
    const socket = this.#connected();
    if (this.#isWritable(socket)) return this.#put(socket, piece);
    this.#giveRoom(piece.length);
    throw this.#notReading();
  }

  /** To be called with room for the bytes. */
  #put(socket: Socket, bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      socket.write(bytes, (error) => {
        this.#giveRoom(bytes.length);
        if (error) reject(this.#notReading(error));
        else resolve();
      });
    });
  }

  #giveRoom(bytes: number): void {
    this.#room.give(bytes);
    roomForAll.give(bytes);
  }

  #isWritable(socket: Socket): boolean {
    return !this.#closing.signal.aborted && socket.writable;
  }

  /** The end of the input, after what was written before. */
  close(): void {
    this.#closing.abort();
    this.#connected().destroySoon();
  }

  /** What waits is dropped. */
  destroy(): void {
    this.#closing.abort();
    this.#connected().destroy();
  }

  #connected(): Socket {
    if (this.#socket === undefined) {
      this.#socket = this.#open();
      // Whoever writes learns of it.
      this.#socket.on("error", () => {});
    }
    return this.#socket;
  }

  #notReading(cause?: unknown): WrennError {
    return new WrennError("invalid_state", `process ${this.#pid} has ended or closed its input`, { cause });
  }

  #tooMuch(reason: string): WrennError {
    const most = `${MAX_WAITING} bytes for one and ${MAX_WAITING_FOR_ALL} for all`;
    return new WrennError("too_large", `${reason}: no more input can wait than ${most}`);
  }
}
