/** `SendSignal`: to the whole group of a process, its descendants included. */
import { WrennError } from "@wrenn/protocol/errors";
import type { SendSignalRequest } from "@wrenn/protocol/gen/process_pb";
import type { Agent } from "../agent.ts";

/** SIGRTMAX of Linux. envd has names for SIGTERM and SIGKILL only; any number is taken. */
const MAX_SIGNAL = 64;

export function sendSignal({ processes }: Pick<Agent, "processes">, request: SendSignalRequest): Record<string, never> {
  const signal: number = request.signal;
  if (signal < 1 || signal > MAX_SIGNAL) {
    throw new WrennError("invalid_request", `there is no signal ${signal}: it must be from 1 to ${MAX_SIGNAL}`);
  }
  const { process } = processes.select(request.process);
  if (!process.signal(signal)) throw new WrennError("not_found", `process ${process.pid} has ended`);
  return {};
}
