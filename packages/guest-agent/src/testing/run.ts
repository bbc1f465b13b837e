/** Runs a command in the agent under test and collects what its stream says. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import type { Process, ProcessEvent, ProcessEvent_EndEvent, StartRequestSchema } from "@wrenn/protocol/gen/process_pb";

export interface RunResult {
  readonly pid: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly pty: Buffer;
  readonly chunks: readonly Chunk[];
  readonly largestChunk: number;
  /** bytes that gap events told of */
  readonly lostBytes: number;
  readonly end: ProcessEvent_EndEvent;
}

export interface Chunk {
  readonly stream: "stdout" | "stderr" | "pty";
  readonly bytes: Uint8Array;
  /** position after it */
  readonly seq: number;
}

export function shell(script: string): { process: { cmd: string; args: string[] }; stdin: boolean } {
  return { process: { cmd: "/bin/sh", args: ["-c", script] }, stdin: false };
}

/** @throws what the stream ends with; Error when it ends without an end event or says something after it */
export function run(
  client: Client<typeof Process>,
  request: MessageInitShape<typeof StartRequestSchema>,
): Promise<RunResult> {
  return collect(client.start(request));
}

/** Reads the stream of `Start` or `Connect` to its end. @throws as `run` */
export async function collect(
  events: AsyncIterable<{ event?: ProcessEvent | undefined }>,
  onChunk: (chunk: Chunk) => void | Promise<void> = () => {},
): Promise<RunResult> {
  let pid = 0;
  let lostBytes = 0;
  let end: ProcessEvent_EndEvent | undefined;
  const chunks: Chunk[] = [];
  for await (const { event } of events) {
    if (end !== undefined) throw new Error("an event came after the end");
    if (event?.event.case === "start") pid = event.event.value.pid;
    if (event?.event.case === "end") end = event.event.value;
    if (event?.event.case === "gap") lostBytes += Number(event.event.value.lostBytes);
    if (event?.event.case !== "data") continue;
    const { output, seq } = event.event.value;
    if (output.case === undefined) continue;
    const chunk = { stream: output.case, bytes: output.value, seq: Number(seq) };
    chunks.push(chunk);
    await onChunk(chunk);
  }
  if (end === undefined) throw new Error("the stream ended without an end event");
  const bytesOf = (stream: Chunk["stream"]) =>
    Buffer.concat(chunks.filter((chunk) => chunk.stream === stream).map(({ bytes }) => bytes));
  return {
    pid,
    end,
    stdout: bytesOf("stdout"),
    stderr: bytesOf("stderr"),
    pty: bytesOf("pty"),
    chunks,
    largestChunk: Math.max(0, ...chunks.map(({ bytes }) => bytes.length)),
    lostBytes,
  };
}

/** The pid that a stream begins with, and what follows. */
export async function begin<T extends { event?: ProcessEvent | undefined }>(
  stream: AsyncIterable<T>,
): Promise<{ pid: number; rest: AsyncIterable<T> & AsyncIterator<T> }> {
  const iterator = stream[Symbol.asyncIterator]();
  const first = await iterator.next();
  const event = first.done === true ? undefined : first.value.event?.event;
  if (event?.case !== "start") throw new Error("the stream does not begin with a start event");
  const rest = { next: () => iterator.next(), [Symbol.asyncIterator]: () => rest };
  return { pid: event.value.pid, rest };
}
