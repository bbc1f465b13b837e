/** What a process says, as messages: text whose characters are whole, or the exact bytes as base64. */
import type { ProcessEvent_EndEvent } from "@wrenn/protocol/gen/process_pb";
import type { OutputEncoding, ProcessServerMessage, PtyServerMessage } from "@wrenn/protocol/rest/streams";
import type { ProcessOutput } from "../../capsules/process-stream.ts";
import { Utf8Stream } from "./utf8.ts";

export function exitMessage({ exitCode, signal, timedOut }: ProcessEvent_EndEvent) {
  return {
    type: "exit" as const,
    exit_code: exitCode,
    ...(signal === undefined || signal === 0 ? {} : { signal }),
    ...(timedOut === true ? { timed_out: timedOut } : {}),
  };
}

export function gapMessage(lostBytes: bigint) {
  return { type: "gap" as const, lost_bytes: Number(lostBytes) };
}

type Name = "stdout" | "stderr";

/** The messages of `/exec/stream` and `/processes/{selector}/stream`. */
export class ProcessMessages {
  readonly #text: Record<Name, Utf8Stream> | undefined;
  /** position before the character of each output that is not whole yet */
  readonly #heldFrom: Partial<Record<Name, number>> = {};

  constructor(encoding: OutputEncoding) {
    this.#text = encoding === "utf-8" ? { stdout: new Utf8Stream(), stderr: new Utf8Stream() } : undefined;
  }

  *of(event: ProcessOutput): Generator<ProcessServerMessage> {
    switch (event.case) {
      case "data": {
        const { output, seq } = event.value;
        // A terminal has one output.
        if (output.case !== undefined)
          yield* this.#data(output.case === "stderr" ? "stderr" : "stdout", output.value, seq);
        break;
      }
      case "gap":
        yield* this.#rest();
        yield gapMessage(event.value.lostBytes);
        break;
      case "end":
        yield* this.#rest();
        yield exitMessage(event.value);
    }
  }

  *#data(type: Name, bytes: Uint8Array, seq: bigint | undefined): Generator<ProcessServerMessage> {
    const decoder = this.#text?.[type];
    const data = decoder === undefined ? Buffer.from(bytes).toString("base64") : decoder.write(bytes);
    const position = seq === undefined ? {} : { seq: this.#positionAt(Number(seq), type, bytes.length) };
    if (data !== "") yield { type, data, ...position };
  }

  /** Whoever goes on from here gets all characters again that are not whole yet, of either output. */
  #positionAt(end: number, type: Name, length: number): number {
    const held = this.#text?.[type].held ?? 0;
    if (held === 0) delete this.#heldFrom[type];
    // Of a character that began in an earlier piece the position is known.
    else if (held <= length) this.#heldFrom[type] = end - held;
    return Math.min(end, ...Object.values(this.#heldFrom));
  }

  /** Characters whose other half will not come. */
  *#rest(): Generator<ProcessServerMessage> {
    for (const type of ["stdout", "stderr"] as const) {
      const data = this.#text?.[type].end() ?? "";
      delete this.#heldFrom[type];
      if (data !== "") yield { type, data };
    }
  }
}

/** The messages of `/pty`. */
export function* ptyMessages(event: ProcessOutput): Generator<PtyServerMessage> {
  if (event.case === "gap") yield gapMessage(event.value.lostBytes);
  else if (event.case === "end") yield exitMessage(event.value);
  else if (event.value.output.case !== undefined) {
    const { output, seq } = event.value;
    const data = Buffer.from(output.value).toString("base64");
    yield { type: "output", data, ...(seq === undefined ? {} : { seq: Number(seq) }) };
  }
}
