/**
 * Gives the output of a process to all who read it. The rule:
 *
 * 1. What a subscriber has not taken waits in the log. While a subscriber is far behind (half of the log), the process is
 *    held up: its pipes fill, and it waits in `write`.
 * 2. Nobody holds it up for long: not who has taken nothing for `SILENCE_TICKS`, and not who has kept another one that is
 *    up to date waiting for `PATIENCE_TICKS` in all. Such a subscriber is left behind until it is up to date again.
 * 3. Who was left behind so far that the log does not reach back to its position is told how many bytes it lost and goes
 *    on with the oldest that are kept; so after the end everybody has the last of the output.
 *
 * So a single reader gets every byte at its own speed, readers of about the same speed get every byte, and a slow one costs
 * the others a moment, once. With no subscriber, or none that counts, the process runs freely.
 */
import { OutputLog, type OutputStream } from "./output-log.ts";
import { type OutputSink, Subscriber } from "./subscriber.ts";

const TICK_MS = 250;
/** 2 s */
const PATIENCE_TICKS = 8;
/** 10 s */
const SILENCE_TICKS = 40;

export interface Subscription {
  /** The reader takes more. */
  drained(): void;
  leave(): void;
}

/** How a subscriber stands with the others; ticks are counted only while the process is held up. */
interface Standing {
  /** since it took something */
  silentTicks: number;
  /** in which others waited for it, since it was up to date */
  blockingTicks: number;
  leftBehind: boolean;
}

export class OutputHub {
  readonly #log = new OutputLog();
  readonly #subscribers = new Map<Subscriber, Standing>();
  readonly #chunkBytes: number;
  readonly #onHold: (held: boolean) => void;
  #isHeld = false;
  #hasEnded = false;
  #tick: NodeJS.Timeout | undefined;

  /**
   * @param chunkBytes most bytes of one chunk
   * @param onHold called with true when the process is to wait, and with false when it need not any more
   */
  constructor(chunkBytes: number, onHold: (held: boolean) => void) {
    this.#chunkBytes = chunkBytes;
    this.#onHold = onHold;
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Bytes of output so far. */
  get end(): number {
    return this.#log.end;
  }

  /** Bytes of memory that the log takes. */
  get size(): number {
    return this.#log.size;
  }

  write(stream: OutputStream, bytes: Uint8Array): void {
    this.#log.append(stream, bytes);
    for (const subscriber of this.#subscribers.keys()) this.#advance(subscriber);
    this.#settle();
  }

  /** No more output: each subscriber learns it after the last byte. */
  close(): void {
    this.#hasEnded = true;
    clearTimeout(this.#tick);
    for (const subscriber of this.#subscribers.keys()) this.#advance(subscriber);
    this.#settle();
  }

  /** @param from position after which output begins: 0 is all that is kept, undefined is none of it */
  subscribe(sink: OutputSink, from?: number): Subscription {
    const position = from === undefined ? this.#log.end : from || this.#log.oldest;
    const screen = from === 0 ? this.#log.screen : "";
    if (screen !== "") sink.onOutput({ stream: "pty", bytes: Buffer.from(screen), end: position });
    const subscriber = new Subscriber(this.#log, sink, position, this.#chunkBytes);
    this.#subscribers.set(subscriber, { silentTicks: 0, blockingTicks: 0, leftBehind: false });
    this.#advance(subscriber);
    this.#settle();
    return {
      drained: () => {
        const standing = this.#subscribers.get(subscriber);
        if (standing === undefined) return;
        standing.silentTicks = 0;
        subscriber.drained();
        this.#advance(subscriber);
        this.#settle();
      },
      leave: () => {
        this.#subscribers.delete(subscriber);
        this.#settle();
      },
    };
  }

  #advance(subscriber: Subscriber): void {
    subscriber.advance();
    if (this.#hasEnded && subscriber.hasAll) {
      this.#subscribers.delete(subscriber);
      subscriber.end();
      return;
    }
    const standing = this.#subscribers.get(subscriber);
    if (standing === undefined || !subscriber.isUpToDate) return;
    standing.blockingTicks = 0;
    standing.leftBehind = false;
  }

  #settle(): void {
    const isHeld = this.#subscribers.size > 0 && [...this.#subscribers].some(this.#isBlocking);
    if (isHeld) this.#tick ??= setTimeout(this.#onTick, TICK_MS);
    if (isHeld === this.#isHeld) return;
    this.#isHeld = isHeld;
    this.#onHold(isHeld);
  }

  /** Whether the process waits for this one. After its end there is nothing to hold up. */
  readonly #isBlocking = ([subscriber, { leftBehind }]: [Subscriber, Standing]): boolean =>
    !leftBehind && !this.#hasEnded && subscriber.isFarBehind;

  readonly #onTick = (): void => {
    this.#tick = undefined;
    const subscribers = [...this.#subscribers];
    const someoneWaits = subscribers.some(([subscriber]) => subscriber.isUpToDate);
    for (const [, standing] of subscribers.filter(this.#isBlocking)) {
      standing.silentTicks += 1;
      if (someoneWaits) standing.blockingTicks += 1;
      standing.leftBehind = standing.silentTicks >= SILENCE_TICKS || standing.blockingTicks >= PATIENCE_TICKS;
    }
    this.#settle();
  };
}
