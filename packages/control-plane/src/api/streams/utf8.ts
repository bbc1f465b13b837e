/** Text from bytes that come in pieces: a character is never split, what is not UTF-8 becomes U+FFFD once. */

/** Bytes of the character that the lead byte begins; 1 when it begins none. */
function lengthOf(lead: number): number {
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  return 1;
}

/** How many bytes at the end may be the beginning of a character. */
function unfinished(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    return lengthOf(byte) > back ? back : 0;
  }
  return 0;
}

export class Utf8Stream {
  #held: Uint8Array = new Uint8Array();

  /** Bytes that wait for the rest of their character. */
  get held(): number {
    return this.#held.length;
  }

  write(bytes: Uint8Array): string {
    const all = this.#held.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#held, bytes]);
    const end = all.length - unfinished(all);
    // A copy: the rest of what came must not live as long as these few bytes.
    this.#held = Uint8Array.from(all.subarray(end));
    return all.toString("utf8", 0, end);
  }

  /** What is held: nothing more comes. */
  end(): string {
    const rest = Buffer.from(this.#held).toString("utf8");
    this.#held = new Uint8Array();
    return rest;
  }
}
