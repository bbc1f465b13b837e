/** `List`: the processes that have not exited. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ListResponseSchema } from "@wrenn/protocol/gen/process_pb";
import type { Agent } from "../agent.ts";

export function list({ processes }: Pick<Agent, "processes">): MessageInitShape<typeof ListResponseSchema> {
  return {
    processes: processes.list().map(({ process, config, tag }) => ({
      pid: process.pid,
      config,
      seq: BigInt(process.output.end),
      pty: process.hasTerminal,
      ...(tag === undefined ? {} : { tag }),
    })),
  };
}
