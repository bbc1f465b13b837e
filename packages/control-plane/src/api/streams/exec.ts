/** WebSocket /v1/capsules/{id}/exec/stream: starts a command and streams what it says. It outlives the stream. */
import { execStartMessage, processClientMessage } from "@wrenn/protocol/rest/streams";
import { startProcess } from "../../capsules/processes.ts";
import { ProcessMessages } from "./output.ts";
import { streamRoute } from "./route.ts";
import { runSession } from "./session.ts";

export const execStream = streamRoute({
  path: "/exec/stream",
  audit: "exec",
  serve: async ({ client, context, call, begun }) => {
    const { stdin, encoding, timeout_sec: timeoutSec, ...command } = await client.first(execStartMessage);
    using process = await startProcess(context.capsules, call, command, { stdin, timeoutSec });
    const { tag } = command;
    begun();
    await client.send({ type: "start", pid: process.pid, ...(tag === undefined ? {} : { tag }) });
    const messages = new ProcessMessages(encoding);
    await runSession(client, process, {
      schema: processClientMessage,
      input: "stdin",
      of: (event) => messages.of(event),
    });
  },
});
