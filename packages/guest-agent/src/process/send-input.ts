/** `SendInput`: input for a process. It is answered when the process, or the kernel for it, has taken all of it. */
import { WrennError } from "@wrenn/protocol/errors";
import type { ProcessInput, SendInputRequest } from "@wrenn/protocol/gen/process_pb";
import type { Agent } from "../agent.ts";
import type { RunningProcess } from "./running-process.ts";

export async function sendInput(
  { processes }: Pick<Agent, "processes">,
  { process, input }: SendInputRequest,
): Promise<Record<string, never>> {
  await writeInput(processes.select(process).process, input);
  return {};
}

/** @throws invalid_request, invalid_state, too_large */
export async function writeInput(process: RunningProcess, input: ProcessInput | undefined): Promise<void> {
  const given = input?.input;
  if (given?.case === undefined) throw new WrennError("invalid_request", "the request has no input");
  await process.write(given.case, given.value);
}
