/**
 * Reads multipart/form-data (RFC 7578, RFC 2046) as it arrives: part after part, and no more of it is in memory than what
 * arrived last. Written for bodies that anybody may have made: every one of them ends, in parts or in an error.
 */
import { WrennError } from "@wrenn/protocol/errors";
import { type PartHeader, parsePartHeader } from "./part-header.ts";

export interface Part extends PartHeader {
  /** to be read before the next part is asked for; what is left of it is skipped then */
  readonly body: AsyncIterable<Buffer>;
}

const MAX_PARTS = 1000;
const MAX_HEADER_BYTES = 16 * 1024;
/** What RFC 2046 lets a boundary have. */
const MAX_BOUNDARY_BYTES = 70;

const LINE_END = "\r\n";
const HEADER_END = "\r\n\r\n";

/** The boundary in a Content-Type. @throws invalid_request when there is none that can be one */
export function boundaryOf(contentType: string): string {
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]*)"|([^\s;]*))/i.exec(contentType) ?? [];
  const boundary = quoted ?? plain ?? "";
  if (boundary !== "" && Buffer.byteLength(boundary) <= MAX_BOUNDARY_BYTES) return boundary;
  throw new WrennError("invalid_request", "the Content-Type names no boundary of at most 70 bytes");
}

/** @throws invalid_request for what is no such body, too_large for one of too many parts, and whatever the source throws */
export async function* partsOf(source: AsyncIterable<Buffer>, boundary: string): AsyncGenerator<Part, void> {
  const reader = new PartReader(source, boundary);
  await skip(reader.untilBoundary());
  for (let count = 0; await reader.hasNext(); count += 1) {
    if (count === MAX_PARTS) throw new WrennError("too_large", `the body has more than ${MAX_PARTS} parts`);
    const header = parsePartHeader(await reader.header());
    const body = reader.untilBoundary();
    yield { ...header, body };
    await skip(body);
  }
  await skip(reader.rest());
}

async function skip(chunks: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of chunks);
}

class PartReader {
  readonly #source: AsyncIterator<Buffer>;
  readonly #boundary: Buffer;
  /** what has arrived and is not read; as if the body began with a new line, like every boundary */
  #pending: Buffer = Buffer.from(LINE_END);

  constructor(source: AsyncIterable<Buffer>, boundary: string) {
    this.#source = source[Symbol.asyncIterator]();
    this.#boundary = Buffer.from(`${LINE_END}--${boundary}`);
  }

  /** All bytes before the next boundary, which is read too. */
  async *untilBoundary(): AsyncGenerator<Buffer, void> {
    for (;;) {
      const found = this.#pending.indexOf(this.#boundary);
      const safe = found === -1 ? this.#bytesBeforeCandidate() : found;
      const bytes = this.#pending.subarray(0, safe);
      this.#pending = this.#pending.subarray(found === -1 ? safe : found + this.#boundary.length);
      if (bytes.length > 0) yield bytes;
      if (found !== -1) return;
      await this.#receive();
    }
  }

  /** To be called after a boundary: whether a part follows, or it was the last one. */
  async hasNext(): Promise<boolean> {
    while (this.#pending.length < 2) await this.#receive();
    return this.#pending.toString("latin1", 0, 2) !== "--";
  }

  /** The lines up to the empty one. */
  async header(): Promise<Buffer> {
    let end = this.#pending.indexOf(HEADER_END);
    while (end === -1 && this.#pending.length <= MAX_HEADER_BYTES) {
      await this.#receive();
      end = this.#pending.indexOf(HEADER_END);
    }
    const lineEnd = this.#pending.indexOf(LINE_END);
    // Blanks may follow a boundary on its line, by RFC 2046, and nothing else.
    const isLine = lineEnd !== -1 && /^[ \t]*$/.test(this.#pending.toString("latin1", 0, lineEnd));
    if (!isLine) throw malformed("a boundary is followed by something else than a new line");
    if (end === -1 || end > MAX_HEADER_BYTES)
      throw malformed(`the header of a part is larger than ${MAX_HEADER_BYTES} bytes`);
    const header = this.#pending.subarray(lineEnd, end);
    this.#pending = this.#pending.subarray(end + HEADER_END.length);
    return header;
  }

  async *rest(): AsyncGenerator<Buffer, void> {
    for (let next = await this.#source.next(); next.done !== true; next = await this.#source.next()) yield next.value;
  }

  /** How much cannot be the beginning of a boundary. */
  #bytesBeforeCandidate(): number {
    const first = Math.max(0, this.#pending.length - this.#boundary.length + 1);
    const candidate = this.#pending.indexOf("\r", first);
    return candidate === -1 ? this.#pending.length : candidate;
  }

  async #receive(): Promise<void> {
    const next = await this.#source.next();
    if (next.done === true) throw malformed("it ends before its last boundary");
    this.#pending = this.#pending.length === 0 ? next.value : Buffer.concat([this.#pending, next.value]);
  }
}

function malformed(problem: string): WrennError {
  return new WrennError("invalid_request", `the body is not multipart/form-data: ${problem}`);
}
