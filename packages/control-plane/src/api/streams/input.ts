/** What a client types, on its way to a process: every byte, in order, no faster than the process reads. */
import { setTimeout as sleep } from "node:timers/promises";
import type { WrennError } from "@wrenn/protocol/errors";
import type { ProcessStream } from "../../capsules/process-stream.ts";
import { byPid } from "../../capsules/processes.ts";
import { guestError, isGone } from "../../hosts/guest-errors.ts";

/** Bytes that wait for the process from which on the client has to wait. */
const MAX_WAITING_BYTES = 256 * 1024;
/** Bytes of one call. */
const MAX_CALL_BYTES = 64 * 1024;
/** How long the last bytes of a client that left may take. */
const LAST_BYTES_MS = 5000;

export class ProcessInput {
  readonly #process: ProcessStream;
  readonly #kind: "stdin" | "pty";
  readonly #onRefused: (error: WrennError) => void;
  readonly #abort = new AbortController();
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #closing = false;
  #refused = false;
  #sending = false;
  #sent: Promise<void> = Promise.resolve();
  #room = Promise.withResolvers<void>();

  /** @param onRefused is told once when the process takes no input; what follows is dropped */
  constructor(process: ProcessStream, kind: "stdin" | "pty", onRefused: (error: WrennError) => void) {
    this.#process = process;
    this.#kind = kind;
    this.#onRefused = onRefused;
  }

  /** Resolves when there is room for more. */
  async push(bytes: Uint8Array): Promise<void> {
    if (this.#refused || this.#closing || bytes.byteLength === 0) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.byteLength;
    this.#start();
    while (this.#waitingBytes > MAX_WAITING_BYTES) await this.#room.promise;
  }

  /** The process finds the end of its input after what was pushed. */
  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#start();
  }

  /** Nothing more comes: resolves when all is with the process, or it has had its time. */
  async end(): Promise<void> {
    const patience = new AbortController();
    await Promise.race([this.#sent, sleep(LAST_BYTES_MS, undefined, patience).catch(() => {})]);
    patience.abort();
    this.abort();
  }

  /** What has not been sent never is. */
  abort(): void {
    this.#abort.abort();
  }

  #start(): void {
    if (this.#sending) return;
    this.#sending = true;
    this.#sent = this.#send();
  }

  async #send(): Promise<void> {
    const { guest, pid } = this.#process;
    const process = byPid(pid);
    const options = { signal: this.#abort.signal };
    try {
      while (this.#waitingBytes > 0) {
        const input = { input: { case: this.#kind, value: this.#take() } };
        await guest.process.sendInput({ process, input }, options);
      }
      if (this.#closing) await guest.process.closeStdin({ process }, options);
    } catch (error) {
      this.#refuse(error);
    } finally {
      this.#sending = false;
    }
  }

  /** Of a process that has ended its stream tells. */
  #refuse(error: unknown): void {
    this.#refused = true;
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    this.#room.resolve();
    if (!this.#abort.signal.aborted && !isGone(error)) this.#onRefused(guestError(error));
  }

  #take(): Uint8Array {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    while (this.#waiting.length > 0 && bytes < MAX_CALL_BYTES) {
      const piece = this.#waiting.shift() ?? new Uint8Array();
      pieces.push(piece);
      bytes += piece.byteLength;
    }
    this.#waitingBytes -= bytes;
    this.#room.resolve();
    this.#room = Promise.withResolvers();
    return Buffer.concat(pieces);
  }
}
