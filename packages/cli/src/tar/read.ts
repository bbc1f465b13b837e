/** Reads a tar archive from a stream: bytes in, members and their content out, with nothing buffered but one name at a time. */
import { BLOCK_BYTES, type Header, type Member, malformed, memberType, parseHeader, untilNul } from "./header.ts";

/** Bytes of a record that names the next member; a path of Linux has at most 4096, and pax puts attributes beside it. */
const MAX_RECORD_BYTES = 1024 * 1024;

/** Receives an archive. Between two members it gets the content of the first, in order and of exactly its size. */
export interface MemberSink {
  begin(member: Member): void;
  content(piece: Buffer): void;
  end(): void;
}

/** What records before a member said of it. */
interface Overrides {
  path?: string;
  target?: string;
  size?: number;
  mtime?: number;
}

type State =
  | { readonly in: "header" }
  | { readonly in: "content"; left: number }
  | { readonly in: "record"; readonly flag: string; readonly pieces: Buffer[]; left: number }
  | { readonly in: "padding"; left: number }
  | { readonly in: "trailer" };

export class TarReader {
  readonly #sink: MemberSink;
  #state: State = { in: "header" };
  /** bytes of a header that has only partly come */
  #partial: Buffer = Buffer.alloc(0);
  #overrides: Overrides = {};
  /** what follows the record or content that is being read */
  #paddingAfter = 0;

  constructor(sink: MemberSink) {
    this.#sink = sink;
  }

  /** @throws invalid_request when the bytes are no archive; nothing may be pushed after that */
  push(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0; ) rest = rest.subarray(this.#take(rest));
  }

  /** Tells that nothing follows. @throws invalid_request when the archive ends before its end mark */
  finish(): void {
    if (this.#state.in !== "trailer") throw malformed("it ends in the middle");
  }

  /** Takes some of the bytes; returns how many, at least one. */
  #take(bytes: Buffer): number {
    const state = this.#state;
    switch (state.in) {
      case "trailer":
        return bytes.length;
      case "header":
        return this.#takeHeader(bytes);
      case "content":
      case "record":
      case "padding": {
        const piece = bytes.subarray(0, state.left);
        state.left -= piece.length;
        if (state.in === "content") this.#sink.content(piece);
        // The caller may use its buffer again.
        if (state.in === "record") state.pieces.push(Buffer.from(piece));
        if (state.left === 0) this.#finishPart(state);
        return piece.length;
      }
    }
  }

  #takeHeader(bytes: Buffer): number {
    const piece = bytes.subarray(0, BLOCK_BYTES - this.#partial.length);
    this.#partial = Buffer.concat([this.#partial, piece]);
    if (this.#partial.length === BLOCK_BYTES) {
      const header = parseHeader(this.#partial);
      this.#partial = Buffer.alloc(0);
      if (header === undefined) this.#state = { in: "trailer" };
      else this.#begin(header);
    }
    return piece.length;
  }

  #begin(header: Header): void {
    if ("LKxg".includes(header.flag)) {
      if (header.size > MAX_RECORD_BYTES) throw malformed(`a name of ${header.size} bytes`);
      this.#paddingAfter = paddingOf(header.size);
      this.#enter({ in: "record", flag: header.flag, pieces: [], left: header.size });
      return;
    }
    const { flag, ...described } = { ...header, ...this.#overrides };
    this.#overrides = {};
    const type = flag === "0" && described.path.endsWith("/") ? "directory" : memberType(flag);
    // Links have no content, whatever size some archives give them.
    const size = type === "file" || type === "other" ? described.size : 0;
    this.#sink.begin({ ...described, type, size });
    this.#paddingAfter = paddingOf(size);
    this.#enter({ in: "content", left: size });
  }

  #enter(state: Exclude<State, { in: "header" | "trailer" }>): void {
    this.#state = state;
    if (state.left === 0) this.#finishPart(state);
  }

  #finishPart(state: Exclude<State, { in: "header" | "trailer" }>): void {
    if (state.in === "padding") {
      this.#state = { in: "header" };
      return;
    }
    if (state.in === "content") this.#sink.end();
    else this.#note(state.flag, Buffer.concat(state.pieces));
    this.#enter({ in: "padding", left: this.#paddingAfter });
  }

  #note(flag: string, record: Buffer): void {
    const text = record.toString("latin1");
    if (flag === "L") this.#overrides.path = untilNul(text);
    if (flag === "K") this.#overrides.target = untilNul(text);
    if (flag === "x") Object.assign(this.#overrides, parsePax(text));
  }
}

function paddingOf(size: number): number {
  return (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;
}

/** Records `LENGTH KEY=VALUE\n`, the length counting all of itself (POSIX.1-2008, pax). */
function parsePax(text: string): Overrides {
  const found: Overrides = {};
  for (let rest = text; rest !== ""; ) {
    const length = Number(/^([1-9]\d{0,6}) /.exec(rest)?.[1]);
    const record = rest.slice(0, length);
    const match = /^\d+ ([^=]+)=([^]*)\n$/.exec(record);
    if (match === null || record.length !== length) throw malformed("a pax record cannot be read");
    const [, key, value = ""] = match;
    if (key === "path") found.path = untilNul(value);
    if (key === "linkpath") found.target = untilNul(value);
    if (key === "size") found.size = paxNumber(value, /^\d{1,15}$/);
    if (key === "mtime") found.mtime = paxNumber(value, /^-?\d{1,15}(\.\d{1,20})?$/);
    rest = rest.slice(length);
  }
  return found;
}

function paxNumber(value: string, form: RegExp): number {
  if (!form.test(value)) throw malformed("a pax record has no number where one must be");
  return Number(value);
}
