/** What a process is given to read: written in order, and no faster than it reads. */
import type { Socket } from "node:net";
import { WrennError } from "@wrenn/protocol/errors";

/** Bytes that may wait for a process that does not read. */
const MAX_WAITING = 16 * 1024 * 1024;

export class ProcessInput {
  readonly #pid: number;
  readonly #open: () => Socket;
  #socket: Socket | undefined;
  #waiting = 0;
  #closed = false;

  /** @param open makes the socket to write to; most processes are given nothing, so it is called when it is needed */
  constructor(pid: number, open: () => Socket) {
    this.#pid = pid;
    this.#open = open;
  }

  /** Resolves when the kernel has taken all of it for the process. @throws invalid_state, too_large */
  write(bytes: Uint8Array): Promise<void> {
    const socket = this.#connected();
    if (this.#closed || !socket.writable) return Promise.reject(this.#notReading());
    if (this.#waiting + bytes.length > MAX_WAITING) return Promise.reject(this.#tooMuch());
    this.#waiting += bytes.length;
    return new Promise((resolve, reject) => {
      socket.write(bytes, (error) => {
        this.#waiting -= bytes.length;
        if (error) reject(this.#notReading(error));
        else resolve();
      });
    });
  }

  /** The end of the input, after what was written before. */
  close(): void {
    this.#closed = true;
    this.#connected().destroySoon();
  }

  /** What waits is dropped. */
  destroy(): void {
    this.#closed = true;
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

  #tooMuch(): WrennError {
    const message = `process ${this.#pid} does not read: ${this.#waiting} bytes of input wait for it already`;
    return new WrennError("too_large", message);
  }
}
