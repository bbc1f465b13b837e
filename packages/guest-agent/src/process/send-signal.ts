/** `SendSignal`: to the whole group of a process, its descendants included. */

import { WrennError } from "@wrenn/protocol/errors";
import { type SendSignalRequest, Signal } from "@wrenn/protocol/gen/process_pb";
import type { Agent } from "../agent.ts";

const SIGNALS: Partial<Record<Signal, NodeJS.Signals>> = {
  [Signal.SIGKILL]: "SIGKILL",
  [Signal.SIGTERM]: "SIGTERM",
};

export function sendSignal({ processes }: Pick<Agent, "processes">, request: SendSignalRequest): Record<string, never> {
  const signal = SIGNALS[request.signal];
  if (signal === undefined) throw new WrennError("invalid_request", "the signal must be SIGTERM or SIGKILL");
  const { pid } = processes.select(request.process).process;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    throw new WrennError("not_found", `process ${pid} has ended`, { cause: error });
  }
  return {};
}
