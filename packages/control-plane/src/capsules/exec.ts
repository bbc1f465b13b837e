/**
 * Exec: runs a command to its end and returns what it printed, or starts one and leaves it. The first goes through the host,
 * which kills the command when its time is over or nobody waits for it any more, also when this process dies.
 */
import { performance } from "node:perf_hooks";
import { WrennError } from "@wrenn/protocol/errors";
import type { ExecStreamResponse_End } from "@wrenn/protocol/gen/hostagent_pb";
import { LIMITS } from "@wrenn/protocol/limits";
import type { HostAgentClient } from "../hosts/clients.ts";
import { hostError } from "../hosts/errors.ts";
import { getHost } from "../hosts/registry.ts";
import { touchCapsule } from "./activity.ts";
import type { CapsuleDeps } from "./deps.ts";
import type { GuestCall } from "./guest.ts";
import { type EncodedOutput, OutputCollector } from "./output.ts";
import { type Command, feedProcess, startProcess } from "./processes.ts";
import { useCapsule } from "./wake.ts";

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
 * @throws not_found, invalid_state, exec_timeout, too_large, host_unavailable, and what the host could not do; for a
 * capsule that is woken also what resume throws
 */
export function execInCapsule(deps: CapsuleDeps, call: GuestCall, request: ExecRequest): Promise<ExecResult> {
  return useCapsule(deps, call.teamId, call.id, call.signal, async (row) => {
    const host = await getHost(deps.db, row.hostId);
    await touchCapsule(deps.db, row);
    const started = performance.now();
    const output = new OutputCollector(LIMITS.execOutputBytes);
    const end = await runToEnd(deps.hosts.get(host.address).stream, call, request, output);
    if (end.timedOut) {
      throw new WrennError("exec_timeout", `the command did not end within ${request.timeoutSec} s and was killed`);
    }
    return {
      ...output.encode(),
      exitCode: end.exitCode,
      signal: end.signal,
      durationMs: Math.round(performance.now() - started),
    };
  });
}

/** Starts it and leaves it. Returns its pid. @throws what withGuest throws, and why it cannot be started */
export async function execInBackground(
  deps: CapsuleDeps,
  call: GuestCall,
  command: Command & Pick<ExecRequest, "stdin">,
): Promise<number> {
  const { stdin } = command;
  using process = await startProcess(deps, call, command, { stdin: stdin !== undefined });
  if (stdin !== undefined) void feedProcess(process, stdin);
  return process.pid;
}

async function runToEnd(
  client: HostAgentClient,
  { id, signal }: GuestCall,
  { cmd, args, timeoutSec, envs, cwd, user, stdin, tag }: ExecRequest,
  output: OutputCollector,
): Promise<ExecStreamResponse_End> {
  const message = {
    sandboxId: id,
    cmd,
    args: [...args],
    timeoutSec,
    envs: { ...envs },
    ...(cwd === undefined ? {} : { cwd }),
    ...(user === undefined ? {} : { user }),
    ...(stdin === undefined ? {} : { stdin }),
    ...(tag === undefined ? {} : { tag }),
  };
  const call = new AbortController();
  let started = false;
  try {
    for await (const { event } of client.execStream(message, { signal: AbortSignal.any([signal, call.signal]) })) {
      if (event.case === "start") started = true;
      if (event.case === "data" && event.value.output.case !== undefined) {
        output.add(event.value.output.case, event.value.output.value);
      }
      if (event.case !== "end") continue;
      if (!started && event.value.error !== "") throw new WrennError("agent_error", event.value.error);
      return event.value;
    }
  } catch (error) {
    throw hostError(error);
  } finally {
    // Whoever leaves early, by a full buffer or an error, ends the call, and the host kills the command.
    call.abort();
  }
  throw new WrennError("agent_error", "the host agent ended the stream before the command ended");
}
