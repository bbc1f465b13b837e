/** What a process says, as messages: text whose characters are whole, or the exact bytes as base64. */
import type { ProcessEvent_EndEvent } from "@wrenn/protocol/gen/process_pb";
import type { OutputEncoding, ProcessServerMessage, PtyServerMessage } from "@wrenn/protocol/rest/streams";
import type { ProcessOutput } from "../../capsules/process-stream.ts";
import { Utf8Stream } from "./utf8.ts";

export function exitMessage({ exitCode, signal }: ProcessEvent_EndEvent) {
  return { type: "exit" as const, exit_code: exitCode, ...(signal === undefined || signal === 0 ? {} : { signal }) };
}

export function gapMessage(lostBytes: bigint) {
  return { type: "gap" as const, lost_bytes: Number(lostBytes) };
}

type Name = "stdout" | "stderr";

/** The messages of `/exec/stream` and `/processes/{selector}/stream`. */
export class ProcessMessages {
  readonly #text: Record<Name, Utf8Stream> | undefined;

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
    if (data === "") return;
    // Whoever goes on from here gets the character again that is not whole yet.
    const held = decoder?.held ?? 0;
    yield { type, data, ...(seq === undefined ? {} : { seq: Number(seq) - held }) };
  }

  /** Characters whose other half will not come. */
  *#rest(): Generator<ProcessServerMessage> {
    for (const type of ["stdout", "stderr"] as const) {
      const data = this.#text?.[type].end() ?? "";
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
