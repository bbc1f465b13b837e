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
  const flags = body[0] ?? 0;
  if (flags === COMPRESSED) throw new WrennError("not_implemented", "compressed requests are not supported");
  if (flags !== 0) throw new WrennError("invalid_request", `unexpected flags ${flags} on the request message`);
  return body.subarray(HEADER_BYTES);
}
