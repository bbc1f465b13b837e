/**
 * The last output of a process, by position: its bytes are counted from the first one on, whichever stream they came from.
 * Memory is taken as it is needed.
 */
import { ScreenModes } from "@wrenn/protocol/screen-modes";
import { incompleteTail, orphanedHead } from "./utf8.ts";

export type OutputStream = "stdout" | "stderr" | "pty";

/** Bytes of one stream, valid until the log changes, and the position after them. */
export interface OutputChunk {
  readonly stream: OutputStream;
  readonly bytes: Uint8Array;
  readonly end: number;
}

/** Neighbouring bytes of one stream, up to a position. */
interface Run {
  readonly stream: OutputStream;
  end: number;
}

/** bytes */
export const LOG_CAPACITY = 256 * 1024;
/** bytes that the first output takes */
const SMALLEST = 1024;
/** A process that changes between its streams at every byte must not fill the memory with runs. */
const MAX_RUNS = 4096;
/** Bytes in which a terminal's output is expected to have a place to begin at. */
const HEAD_BYTES = 4096;
const [NEWLINE, ESCAPE] = [0x0a, 0x1b];

export class OutputLog {
  #start = 0;
  #end = 0;
  #ring = Buffer.alloc(0);
  readonly #runs: Run[] = [];
  /** of the terminal when the oldest output came */
  readonly #modes = new ScreenModes();

  get end(): number {
    return this.#end;
  }

  /** Position of the oldest byte that is kept. */
  get start(): number {
    return this.#start;
  }

  /** Where to begin with the oldest output: in a terminal, at a line, a control sequence, or at least a whole character. */
  get oldest(): number {
    const head = this.#start > 0 ? this.#chunk(this.#start, HEAD_BYTES) : undefined;
    return head?.stream === "pty" ? this.#start + beginning(head.bytes) : this.#start;
  }

  /** What a terminal has to be shown before the oldest output, in place of all that is not kept. */
  get screen(): string {
    return this.#modes.redo();
  }

  /** Bytes of memory that it takes. */
  get size(): number {
    return this.#ring.length;
  }

  /** Whether so much came after the position that soon the log will not reach back to it. */
  isFarBehind(position: number): boolean {
    if (this.#end - position > LOG_CAPACITY / 2) return true;
    return this.#runs.length > MAX_RUNS / 2 && this.#runs.length - this.#runAt(position) > MAX_RUNS / 2;
  }

  /** @param bytes at most LOG_CAPACITY of them */
  append(stream: OutputStream, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#reserve(bytes.length);
    const kept = this.#end + bytes.length - LOG_CAPACITY;
    if (stream === "pty" && kept > this.#start) this.#modes.see(copyOut(this.#ring, this.#start, kept));
    copyIn(this.#ring, this.#end, bytes);
    this.#end += bytes.length;
    const last = this.#runs.at(-1);
    if (last?.stream === stream) last.end = this.#end;
    else this.#runs.push({ stream, end: this.#end });
    this.#forget();
  }

  /**
   * What follows a position that is kept: bytes of one stream, at most `maxBytes`; undefined at the end. A terminal's
   * chunk is cut between two characters.
   */
  read(position: number, maxBytes: number): OutputChunk | undefined {
    const chunk = this.#chunk(position, maxBytes);
    if (chunk?.stream !== "pty" || chunk.end === this.#end) return chunk;
    const bytes = chunk.bytes.subarray(0, chunk.bytes.length - incompleteTail(chunk.bytes));
    return bytes.length === 0 ? chunk : { ...chunk, bytes, end: position + bytes.length };
  }

  #chunk(position: number, maxBytes: number): OutputChunk | undefined {
    const run = this.#runs[this.#runAt(position)];
    if (run === undefined) return undefined;
    const end = Math.min(run.end, position + maxBytes);
    return { stream: run.stream, bytes: copyOut(this.#ring, position, end), end };
  }

  /** The index of the run that holds the byte after the position. */
  #runAt(position: number): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#runs[middle]?.end ?? 0) > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #reserve(more: number): void {
    const needed = Math.min(this.#end - this.#start + more, LOG_CAPACITY);
    if (needed <= this.#ring.length) return;
    let length = Math.max(this.#ring.length, SMALLEST);
    while (length < needed) length *= 2;
    const larger = Buffer.allocUnsafeSlow(length);
    copyIn(larger, this.#start, copyOut(this.#ring, this.#start, this.#end));
    this.#ring = larger;
  }

  #forget(): void {
    this.#start = Math.max(this.#start, this.#end - LOG_CAPACITY);
    while (this.#runs.length > MAX_RUNS || (this.#runs[0]?.end ?? Infinity) <= this.#start) {
      this.#start = Math.max(this.#start, this.#runs.shift()?.end ?? 0);
    }
  }
}

/** Index of the first byte at which a terminal can begin. */
function beginning(bytes: Uint8Array): number {
  const [line, sequence] = [bytes.indexOf(NEWLINE), bytes.indexOf(ESCAPE)];
  const places = [line < 0 ? -1 : line + 1, sequence].filter((place) => place >= 0);
  return places.length > 0 ? Math.min(...places) : orphanedHead(bytes.subarray(0, 3));
}

/** The ring's bytes between two positions; a copy only where they go around its end. */
function copyOut(ring: Buffer, start: number, end: number): Uint8Array {
  if (start === end) return ring.subarray(0, 0);
  const from = start % ring.length;
  const to = from + end - start;
  if (to <= ring.length) return ring.subarray(from, to);
  return Buffer.concat([ring.subarray(from), ring.subarray(0, to - ring.length)]);
}

function copyIn(ring: Buffer, position: number, bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  const offset = position % ring.length;
  const fitting = Math.min(bytes.length, ring.length - offset);
  ring.set(bytes.subarray(0, fitting), offset);
  ring.set(bytes.subarray(fitting), 0);
}
