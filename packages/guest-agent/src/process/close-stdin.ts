/** `CloseStdin`: the end of a process's input, after all that was sent before. */
import type { CloseStdinRequest } from "@wrenn/protocol/gen/process_pb";
import type { Agent } from "../agent.ts";

export function closeStdin({ processes }: Pick<Agent, "processes">, request: CloseStdinRequest): Record<string, never> {
  processes.select(request.process).process.closeInput();
  return {};
}
