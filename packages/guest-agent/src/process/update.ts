/** `Update`: gives a terminal another size. */
import { WrennError } from "@wrenn/protocol/errors";
import type { UpdateRequest } from "@wrenn/protocol/gen/process_pb";
import type { Agent } from "../agent.ts";
import { terminalSize } from "./terminal-size.ts";

export function update({ processes }: Pick<Agent, "processes">, request: UpdateRequest): Record<string, never> {
  const { process } = processes.select(request.process);
  const size = request.pty?.size;
  if (size === undefined) return {};
  if (size.cols === 0 || size.rows === 0) {
    throw new WrennError("invalid_request", `a terminal cannot have ${size.cols} columns and ${size.rows} rows`);
  }
  process.resize(terminalSize(size));
  return {};
}
