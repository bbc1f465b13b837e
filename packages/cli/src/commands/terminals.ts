/** How commands show a process of a capsule, and what they tell it of this terminal. */
import { WrennError } from "@wrenn/protocol/errors";
import { note } from "../output/print.ts";
import { type PipeOptions, pipeProcess, type StreamEnd } from "../streams/pipe.ts";
import type { ProcessStream } from "../streams/process-stream.ts";
import { type AttachOptions, attachTerminal } from "../terminal/attach.ts";
import { type Size, sizeOf } from "../terminal/raw-terminal.ts";

/** @throws invalid_request when no person types and looks */
export function requireTerminal(): void {
  if (process.stdin.isTTY && process.stdout.isTTY) return;
  throw new WrennError("invalid_request", "stdin and stdout must be a terminal; `wrenn exec -i` works without one");
}

/** What a program must know of the terminal that shows it. */
export function thisTerminal(envs: Record<string, string> = {}): { envs: Record<string, string> } & Size {
  const { TERM = "xterm-256color", COLORTERM } = process.env;
  return {
    envs: { TERM, ...(COLORTERM === undefined ? {} : { COLORTERM }), ...envs },
    ...sizeOf(process.stdout),
  };
}

/** Shows it in this terminal up to its end, which becomes the exit code, or until it is left. */
export async function runTerminal(
  stream: ProcessStream,
  id: string,
  tag: string,
  options: AttachOptions,
): Promise<StreamEnd> {
  return finish(await attachTerminal(stream, options), id, tag);
}

/** Copies its output up to its end, which becomes the exit code, or until it is left. */
export async function runPipe(
  stream: ProcessStream,
  id: string,
  tag: string,
  options: PipeOptions,
): Promise<StreamEnd> {
  return finish(await pipeProcess(stream, options), id, tag);
}

function finish(end: StreamEnd, id: string, tag: string): StreamEnd {
  process.exitCode = end.exitCode;
  if (end.detached) note(`\nleft running; come back with: wrenn attach ${id} ${tag}`);
  return end;
}
