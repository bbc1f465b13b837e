/** `Connect`: follows a process that runs, or ended a moment ago; with what is kept of its output if that is asked for. */
import { WrennError } from "@wrenn/protocol/errors";
import type { ConnectRequest, ConnectResponseSchema } from "@wrenn/protocol/gen/process_pb";
import type { Agent } from "../agent.ts";
import type { ServerStream } from "../connect/server-stream.ts";
import { follow } from "./follow.ts";

export function connect(
  { processes }: Pick<Agent, "processes">,
  request: ConnectRequest,
  stream: ServerStream<typeof ConnectResponseSchema>,
): void {
  const { process } = processes.selectRecent(request.process);
  const { end } = process.output;
  const from = request.fromSeq === undefined ? undefined : Number(request.fromSeq);
  if (from !== undefined && from > end) {
    const message = `there is no output after position ${from}: process ${process.pid} has written ${end} bytes`;
    throw new WrennError("invalid_request", message);
  }
  follow(process, stream, from);
}
