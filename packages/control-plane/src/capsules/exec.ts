/**
 * Exec: runs a command to its end and returns what it printed, or starts one and leaves it. The first is killed when its time is
 * over or nobody waits for it any more, also when this process dies.
 */
import { performance } from "node:perf_hooks";
import { WrennError } from "@wrenn/protocol/errors";
import type { ProcessEvent_EndEvent } from "@wrenn/protocol/gen/process_pb";
import { ON_CLOSE_HEADER } from "@wrenn/protocol/guest-http";
import { LIMITS } from "@wrenn/protocol/limits";
import type { GuestClient } from "../hosts/guest-client.ts";
import { connectionBroke } from "../hosts/guest-errors.ts";
import type { CapsuleDeps } from "./deps.ts";
import { type GuestCall, withGuest } from "./guest.ts";
import { type EncodedOutput, OutputCollector } from "./output.ts";
import { openProcess } from "./process-stream.ts";
import { type Command, deadline, feedProcess, startProcess, startRequest } from "./processes.ts";

/** Milliseconds that a command and what it left behind have to be gone after they were killed. */
const GRACE_MS = 10_000;

export interface ExecRequest extends Command {
  /** seconds, 0 is no limit */
  readonly timeoutSec: number;
  /** all that the command reads; undefined is nothing */
  readonly stdin?: Uint8Array | undefined;
}

export interface ExecResult extends EncodedOutput {
  readonly exitCode: number;
  /** number of the signal that ended it, 0 for none */
  readonly signal: number;
  readonly durationMs: number;
}

/**
 * Runs it to its end. When the client leaves, or the time is over, the command is killed with all of its group.
 * @throws exec_timeout, too_large, what withGuest throws, and why it cannot be started
 */
export function execInCapsule(deps: CapsuleDeps, call: GuestCall, request: ExecRequest): Promise<ExecResult> {
  return withGuest(deps, call, async (guest) => {
    const started = performance.now();
    const output = new OutputCollector(LIMITS.execOutputBytes);
    const { exitCode, signal = 0 } = await runToEnd(guest, request, output, call.signal);
    return { ...output.encode(), exitCode, signal, durationMs: Math.round(performance.now() - started) };
  });
}

/** Starts it and leaves it; when its time is over it is killed with all of its group. Returns its pid. @throws what withGuest throws, and why it cannot be started */
export async function execInBackground(
  deps: CapsuleDeps,
  call: GuestCall,
  command: Command & Pick<ExecRequest, "stdin" | "timeoutSec">,
): Promise<number> {
  const { stdin, timeoutSec } = command;
  using process = await startProcess(deps, call, command, { stdin: stdin !== undefined, timeoutSec });
  // A call that waits for the process to read would count as use of the capsule, for ever.
  if (stdin !== undefined) void feedProcess(process, stdin, AbortSignal.timeout(deps.backgroundInputMs));
  return process.pid;
}

async function runToEnd(
  guest: GuestClient,
  { timeoutSec, stdin, ...command }: ExecRequest,
  output: OutputCollector,
  left: AbortSignal,
): Promise<ProcessEvent_EndEvent> {
  const late = new AbortController();
  // The guest itself keeps the time; this one is for a guest that does not.
  const timer = timeoutSec > 0 ? setTimeout(() => late.abort(), timeoutSec * 1000 + GRACE_MS) : undefined;
  const enough = AbortSignal.any([left, late.signal]);
  // However this ends, also when this process dies, the guest's agent sees that nobody waits any more.
  const headers = { [ON_CLOSE_HEADER]: "kill", ...deadline(timeoutSec) };
  const start = startRequest(command, { stdin: stdin !== undefined });
  try {
    using process = await openProcess(guest, (how) => guest.process.start(start, { ...how, headers }), enough);
    enough.addEventListener("abort", () => process[Symbol.dispose](), { once: true });
    enough.throwIfAborted();
    if (stdin !== undefined) void feedProcess(process, stdin);
    for await (const event of process.output) {
      if (event.case === "end" && event.value.timedOut) throw tookTooLong(timeoutSec);
      if (event.case === "end") return event.value;
      // Half of an output must not be taken for all of it.
      if (event.case === "gap") throw new WrennError("agent_error", "output was lost: its reader was too slow");
      const { case: kind, value } = event.value.output;
      if (kind === "stdout" || kind === "stderr") output.add(kind, value);
    }
    throw connectionBroke();
  } catch (error) {
    if (!late.signal.aborted) throw error;
    throw tookTooLong(timeoutSec);
  } finally {
    clearTimeout(timer);
  }
}

function tookTooLong(timeoutSec: number): WrennError {
  return new WrennError("exec_timeout", `the command did not end within ${timeoutSec} s and was killed`);
}
