/** What a client types, on its way to a process: every byte, in order, no faster than the process reads. */
import { setTimeout as sleep } from "node:timers/promises";
import type { WrennError } from "@wrenn/protocol/errors";
import type { ProcessStream } from "../../capsules/process-stream.ts";
import { byPid } from "../../capsules/processes.ts";
import { guestError, isGone } from "../../hosts/guest-errors.ts";

/** Bytes that wait for the process from which on the client is stopped: more than what clients leave unacknowledged. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** What a piece costs besides its bytes. */
const PIECE_COST = 64;
/** Bytes of one call, unless a single piece is larger. */
const MAX_CALL_BYTES = 64 * 1024;
/** How long the last bytes of a client that left may take. */
const LAST_BYTES_MS = 5000;

/** What becomes of input; nobody is told after `abort`. */
export interface InputListener {
  /** once, when the process takes no input; what follows is dropped */
  readonly onRefused: (error: WrennError) => void;
  /** the input up to the one with this acknowledgement was taken or dropped */
  readonly onTaken: (ack: number) => void;
}

interface Piece {
  readonly bytes: Uint8Array;
  readonly ack: number | undefined;
}

export class ProcessInput {
  readonly #process: ProcessStream;
  readonly #kind: "stdin" | "pty";
  readonly #listener: InputListener;
  readonly #abort = new AbortController();
  readonly #waiting: Piece[] = [];
  #waitingBytes = 0;
  #closing = false;
  #refused = false;
  /** the last one that was asked for */
  #newestAck: number | undefined;
  #sending = false;
  #sent: Promise<void> = Promise.resolve();
  #room = Promise.withResolvers<void>();

  constructor(process: ProcessStream, kind: "stdin" | "pty", listener: InputListener) {
    this.#process = process;
    this.#kind = kind;
    this.#listener = listener;
  }

  /** Never waits: whoever pushes looks at `full` before the next piece. @param ack told when the process has it */
  push(bytes: Uint8Array, ack?: number): void {
    if (this.#refused || this.#closing) return this.#taken(ack);
    this.#newestAck = ack ?? this.#newestAck;
    this.#waiting.push({ bytes, ack });
    this.#waitingBytes += bytes.byteLength + PIECE_COST;
    this.#start();
  }

  /** Undefined as long as there is room; otherwise it resolves when there is. */
  get full(): Promise<void> | undefined {
    return this.#waitingBytes > MAX_WAITING_BYTES ? this.#room.promise : undefined;
  }

  /** The process finds the end of its input after what was pushed. */
  close(ack?: number): void {
    if (this.#refused || this.#closing) return this.#taken(ack);
    this.#newestAck = ack ?? this.#newestAck;
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
      while (this.#waiting.length > 0) {
        const { bytes, ack } = this.#take();
        const input = { input: { case: this.#kind, value: bytes } };
        if (bytes.byteLength > 0) await guest.process.sendInput({ process, input }, options);
        this.#taken(ack);
      }
      if (!this.#closing) return;
      await guest.process.closeStdin({ process }, options);
      this.#taken(this.#newestAck);
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
    this.#makeRoom();
    if (!this.#abort.signal.aborted && !isGone(error)) this.#listener.onRefused(guestError(error));
    this.#taken(this.#newestAck);
  }

  #taken(ack: number | undefined): void {
    if (ack !== undefined && !this.#abort.signal.aborted) this.#listener.onTaken(ack);
  }

  #take(): Piece {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    let ack: number | undefined;
    for (let piece = this.#waiting[0]; piece !== undefined; piece = this.#waiting[0]) {
      if (bytes > 0 && bytes + piece.bytes.byteLength > MAX_CALL_BYTES) break;
      this.#waiting.shift();
      pieces.push(piece.bytes);
      bytes += piece.bytes.byteLength;
      ack = piece.ack ?? ack;
      this.#waitingBytes -= piece.bytes.byteLength + PIECE_COST;
    }
    if (this.full === undefined) this.#makeRoom();
    return { bytes: Buffer.concat(pieces), ack };
  }

  #makeRoom(): void {
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }
}
