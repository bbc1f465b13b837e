/** One reader of a process's output: a position in its log, which moves on as far as the reader takes it. */
import type { OutputChunk, OutputLog } from "./output-log.ts";

/** Where output goes. False asks to wait until `drained`; what was passed is taken all the same. */
export interface OutputSink {
  onOutput(chunk: OutputChunk): boolean;
  /** Bytes of output are missing here. */
  onGap(lostBytes: number): boolean;
  /** Nothing comes after this. */
  onEnd(): void;
}

export class Subscriber {
  readonly #log: OutputLog;
  readonly #sink: OutputSink;
  readonly #chunkBytes: number;
  #position: number;
  #isFull = false;

  constructor(log: OutputLog, sink: OutputSink, position: number, chunkBytes: number) {
    this.#log = log;
    this.#sink = sink;
    this.#position = position;
    this.#chunkBytes = chunkBytes;
  }

  get isUpToDate(): boolean {
    return this.#position === this.#log.end && !this.#isFull;
  }

  get isFarBehind(): boolean {
    return this.#log.isFarBehind(this.#position);
  }

  /** Whether it has been passed all there is. */
  get hasAll(): boolean {
    return this.#position === this.#log.end;
  }

  /** The reader takes more. */
  drained(): void {
    this.#isFull = false;
  }

  /** Passes on what the reader takes. */
  advance(): void {
    while (!this.#isFull) {
      if (this.#position < this.#log.start) {
        const { oldest } = this.#log;
        this.#isFull = !this.#sink.onGap(oldest - this.#position);
        this.#position = oldest;
        continue;
      }
      const chunk = this.#log.read(this.#position, this.#chunkBytes);
      if (chunk === undefined) return;
      this.#position = chunk.end;
      this.#isFull = !this.#sink.onOutput(chunk);
    }
  }

  end(): void {
    this.#sink.onEnd();
  }
}
