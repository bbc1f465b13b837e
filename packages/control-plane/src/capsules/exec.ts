/** Foreground exec: runs a command to its end and returns what it printed. It may take as long as its own timeout says. */
import { performance } from "node:perf_hooks";
import { WrennError } from "@wrenn/protocol/errors";
import type { ExecStreamResponse_End } from "@wrenn/protocol/gen/hostagent_pb";
import type { Id } from "@wrenn/protocol/ids";
import { LIMITS } from "@wrenn/protocol/limits";
import type { HostAgentClient } from "../hosts/clients.ts";
import { hostError } from "../hosts/errors.ts";
import { getHost } from "../hosts/registry.ts";
import { touchCapsule } from "./activity.ts";
import type { CapsuleDeps } from "./deps.ts";
import { type EncodedOutput, OutputCollector } from "./output.ts";
import { useCapsule } from "./wake.ts";

export interface ExecRequest {
  readonly cmd: string;
  readonly args: string[];
  /** seconds, 0 is no limit */
  readonly timeoutSec: number;
  readonly envs: Record<string, string>;
  readonly cwd?: string | undefined;
  readonly user?: string | undefined;
}

export interface ExecResult extends EncodedOutput {
  readonly exitCode: number;
  /** number of the signal that ended it, 0 for none */
  readonly signal: number;
  readonly durationMs: number;
}

/**
 * @param signal the client's: when it leaves, the host kills the command
 * @throws not_found, invalid_state, exec_timeout, too_large, host_unavailable, and what the host could not do; for a
 * capsule that is woken also what resume throws
 */
export async function execInCapsule(
  deps: CapsuleDeps,
  teamId: string,
  id: Id<"capsule">,
  request: ExecRequest,
  signal: AbortSignal,
): Promise<ExecResult> {
  return useCapsule(deps, teamId, id, signal, async (row) => {
    const host = await getHost(deps.db, row.hostId);
    await touchCapsule(deps.db, row);
    const started = performance.now();
    const output = new OutputCollector(LIMITS.execOutputBytes);
    const end = await runToEnd(deps.hosts.get(host.address).stream, id, request, output, signal);
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

async function runToEnd(
  client: HostAgentClient,
  sandboxId: string,
  { cmd, args, timeoutSec, envs, cwd, user }: ExecRequest,
  output: OutputCollector,
  signal: AbortSignal,
): Promise<ExecStreamResponse_End> {
  const message = {
    sandboxId,
    cmd,
    args,
    timeoutSec,
    envs,
    ...(cwd === undefined ? {} : { cwd }),
    ...(user === undefined ? {} : { user }),
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
