/** Writes a stream to an open file, never more than the limit. The descriptor is its owner's to close, once this is closed. */
import { writev } from "node:fs";
import { Writable } from "node:stream";

/** Bytes that are gathered before they are written: fewer and larger writes are faster. */
const GATHERED_BYTES = 512 * 1024;

type Done = (error?: Error | null) => void;

export class FileSink extends Writable {
  readonly #descriptor: number;
  readonly #tooLarge: () => Error;
  #left: number;
  #written = 0;
  #isWriting = false;
  #whenIdle: (() => void) | undefined;

  /** @param limit bytes; past it the stream fails with what `tooLarge` makes */
  constructor(descriptor: number, limit: number, tooLarge: () => Error) {
    super({ highWaterMark: GATHERED_BYTES });
    this.#descriptor = descriptor;
    this.#left = limit;
    this.#tooLarge = tooLarge;
  }

  /** Bytes so far. */
  get written(): number {
    return this.#written;
  }

  /** Ends the writing where it is. */
  async abandon(): Promise<void> {
    // Whoever abandons it knows why.
    this.on("error", () => {});
    if (!this.closed) await new Promise((resolve) => this.once("close", resolve).destroy());
  }

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    this.#take([chunk], done);
  }

  override _writev(items: { chunk: Buffer }[], done: Done): void {
    this.#take(
      items.map(({ chunk }) => chunk),
      done,
    );
  }

  /** A write that has begun goes on in another thread: until its end the descriptor must stay what it is. */
  override _destroy(error: Error | null, done: Done): void {
    if (this.#isWriting) this.#whenIdle = () => done(error);
    else done(error);
  }

  #take(chunks: Buffer[], done: Done): void {
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
    this.#left -= bytes;
    if (this.#left < 0) done(this.#tooLarge());
    else this.#put(chunks, bytes, done);
  }

  #put(chunks: Buffer[], bytes: number, done: Done): void {
    this.#isWriting = true;
    writev(this.#descriptor, chunks, (error, written) => {
      this.#written += written ?? 0;
      if (error === null && written < bytes && !this.destroyed) {
        this.#put([Buffer.concat(chunks).subarray(written)], bytes - written, done);
        return;
      }
      this.#isWriting = false;
      this.#whenIdle?.();
      done(error);
    });
  }
}
