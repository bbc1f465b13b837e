/** Where characters begin and end in UTF-8. Bytes that are not UTF-8 are left as they are. */

/** Bytes at the end that begin a character whose rest is missing: 0 to 3. */
export function incompleteTail(bytes: Uint8Array): number {
  for (let length = 1; length <= 3 && length <= bytes.length; length += 1) {
    const byte = bytes[bytes.length - length] ?? 0;
    if (isContinuation(byte)) continue;
    return characterLength(byte) > length ? length : 0;
  }
  return 0;
}

/** Bytes at the beginning that end a character whose first byte is missing: 0 to 3. */
export function orphanedHead(bytes: Uint8Array): number {
  let length = 0;
  while (length < 3 && isContinuation(bytes[length] ?? 0)) length += 1;
  return length;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

function characterLength(firstByte: number): number {
  if (firstByte >= 0xf0 && firstByte < 0xf8) return 4;
  if (firstByte >= 0xe0) return firstByte < 0xf0 ? 3 : 1;
  return firstByte >= 0xc0 ? 2 : 1;
}

/** Milliseconds that the beginning of a character waits for its rest; then it is not UTF-8. */
const HOLD_MS = 50;

/** Passes bytes on in whole characters. */
export class WholeCharacters {
  readonly #onBytes: (bytes: Uint8Array) => void;
  #held: Buffer = Buffer.alloc(0);
  #timer: NodeJS.Timeout | undefined;

  constructor(onBytes: (bytes: Uint8Array) => void) {
    this.#onBytes = onBytes;
  }

  push(bytes: Uint8Array): void {
    const whole = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const end = whole.length - incompleteTail(whole);
    this.#hold(Buffer.from(whole.subarray(end)));
    if (end > 0) this.#onBytes(whole.subarray(0, end));
  }

  /** Passes on what waits: nothing more will come, or not soon. */
  readonly flush = (): void => {
    const held = this.#held;
    this.#hold(Buffer.alloc(0));
    if (held.length > 0) this.#onBytes(held);
  };

  #hold(bytes: Buffer): void {
    this.#held = bytes;
    clearTimeout(this.#timer);
    this.#timer = bytes.length === 0 ? undefined : setTimeout(this.flush, HOLD_MS);
  }
}
