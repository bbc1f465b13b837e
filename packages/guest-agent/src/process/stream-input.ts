/** `StreamInput`: input for one process, message by message; the next one is read when the process has taken the last. */
import { WrennError } from "@wrenn/protocol/errors";
import type { StreamInputRequest } from "@wrenn/protocol/gen/process_pb";
import type { Agent } from "../agent.ts";
import type { RunningProcess } from "./running-process.ts";
import { inputOf } from "./send-input.ts";

export async function streamInput(
  { processes }: Pick<Agent, "processes">,
  messages: AsyncIterable<StreamInputRequest>,
): Promise<Record<string, never>> {
  let process: RunningProcess | undefined;
  for await (const { event } of messages) {
    if (event.case === "start") ({ process } = processes.select(event.value.process));
    if (event.case !== "data") continue;
    if (process === undefined) throw new WrennError("invalid_request", "the stream begins with input for nobody");
    const { to, bytes } = inputOf(process, event.value.input);
    await to.writeAll(bytes);
  }
  return {};
}
