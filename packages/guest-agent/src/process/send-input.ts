/** `SendInput`: input for a process. It is answered when the process, or the kernel for it, has taken all of it, and refused when there is no room for it. */
import { WrennError } from "@wrenn/protocol/errors";
import type { ProcessInput, SendInputRequest } from "@wrenn/protocol/gen/process_pb";
import type { Agent } from "../agent.ts";
import type { RunningProcess } from "./running-process.ts";

export async function sendInput(
  { processes }: Pick<Agent, "processes">,
  { process, input }: SendInputRequest,
): Promise<Record<string, never>> {
  const { to, bytes } = inputOf(processes.select(process).process, input);
  await to.write(bytes);
  return {};
}

/** What is to be written where. @throws invalid_request, invalid_state */
export function inputOf(process: RunningProcess, input: ProcessInput | undefined) {
  const given = input?.input;
  if (given?.case === undefined) throw new WrennError("invalid_request", "the request has no input");
  return { to: process.input(given.case), bytes: given.value };
}
