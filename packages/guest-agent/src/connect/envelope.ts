/**
 * The envelopes of the Connect protocol: every message of a stream is preceded by a byte of flags and its length
 * (32 bit, big-endian). The last envelope of an answer says how the call ended.
 */
import { WrennError } from "@wrenn/protocol/errors";

const HEADER_BYTES = 5;
const COMPRESSED = 0b01;
const END_STREAM = 0b10;

function encode(flags: number, payload: Uint8Array): Buffer {
  const envelope = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  envelope[0] = flags;
  envelope.writeUInt32BE(payload.length, 1);
  envelope.set(payload, HEADER_BYTES);
  return envelope;
}

export function encodeMessage(payload: Uint8Array): Buffer {
  return encode(0, payload);
}

/** The envelope that ends a stream, with the JSON of an error or without one. */
export function encodeEnd(error?: object): Buffer {
  return encode(END_STREAM, Buffer.from(error === undefined ? "{}" : JSON.stringify({ error })));
}

/** The message of a request that consists of exactly one. @throws invalid_request for anything else, not_implemented for a compressed one */
export function decodeSingleMessage(body: Buffer): Buffer {
  if (body.length < HEADER_BYTES || body.length !== HEADER_BYTES + body.readUInt32BE(1)) {
    throw new WrennError("invalid_request", `the request body of ${body.length} bytes is not exactly one message`);
  }
  checkFlags(body[0] ?? 0);
  return body.subarray(HEADER_BYTES);
}

function checkFlags(flags: number): void {
  if (flags === COMPRESSED) throw new WrennError("not_implemented", "compressed requests are not supported");
  if (flags !== 0) throw new WrennError("invalid_request", `unexpected flags ${flags} on a request message`);
}

/** Finds the messages in a request body that arrives in pieces, and never holds more of it than one message and a piece. */
export class EnvelopeReader {
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  #size = 0;
  /** Length of the message whose header was read. */
  #message: number | undefined;

  /** @param maxBytes of one message */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The messages that the piece completes. @throws invalid_request, not_implemented, too_large */
  *read(piece: Buffer): Generator<Buffer> {
    this.#pieces.push(piece);
    this.#size += piece.length;
    for (;;) {
      if (this.#message === undefined) {
        if (this.#size < HEADER_BYTES) return;
        this.#message = this.#messageLength(this.#take(HEADER_BYTES));
      }
      if (this.#size < this.#message) return;
      const message = this.#take(this.#message);
      this.#message = undefined;
      yield message;
    }
  }

  /** To be called at the end of the body. @throws invalid_request when it is not the end of a message */
  end(): void {
    if (this.#size === 0 && this.#message === undefined) return;
    throw new WrennError("invalid_request", "the request body ends inside a message");
  }

  #messageLength(header: Buffer): number {
    checkFlags(header[0] ?? 0);
    const length = header.readUInt32BE(1);
    if (length <= this.#maxBytes) return length;
    throw new WrennError("too_large", `a message of ${length} bytes is larger than ${this.#maxBytes}`);
  }

  #take(length: number): Buffer {
    const [first] = this.#pieces;
    const whole = this.#pieces.length === 1 && first ? first : Buffer.concat(this.#pieces, this.#size);
    this.#size -= length;
    this.#pieces = this.#size === 0 ? [] : [whole.subarray(length)];
    return whole.subarray(0, length);
  }
}
