/** Runs a command in the agent under test and collects what its stream says. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import type { Process, ProcessEvent_EndEvent, StartRequestSchema } from "@wrenn/protocol/gen/process_pb";

export interface RunResult {
  readonly pid: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly largestChunk: number;
  readonly end: ProcessEvent_EndEvent;
}

export function shell(script: string): { process: { cmd: string; args: string[] }; stdin: boolean } {
  return { process: { cmd: "/bin/sh", args: ["-c", script] }, stdin: false };
}

/** @throws what the stream ends with; Error when it ends without an end event or says something after it */
export async function run(
  client: Client<typeof Process>,
  request: MessageInitShape<typeof StartRequestSchema>,
): Promise<RunResult> {
  let pid = 0;
  let end: ProcessEvent_EndEvent | undefined;
  const output: Record<"stdout" | "stderr", Uint8Array[]> = { stdout: [], stderr: [] };
  for await (const { event } of client.start(request)) {
    if (end !== undefined) throw new Error("an event came after the end");
    if (event?.event.case === "start") pid = event.event.value.pid;
    if (event?.event.case === "end") end = event.event.value;
    if (event?.event.case !== "data") continue;
    const { output: data } = event.event.value;
    if (data.case === "stdout" || data.case === "stderr") output[data.case].push(data.value);
  }
  if (end === undefined) throw new Error("the stream ended without an end event");
  const chunks = [...output.stdout, ...output.stderr];
  return {
    pid,
    end,
    stdout: Buffer.concat(output.stdout),
    stderr: Buffer.concat(output.stderr),
    largestChunk: Math.max(0, ...chunks.map((chunk) => chunk.length)),
  };
}
