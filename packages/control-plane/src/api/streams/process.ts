/** WebSocket /v1/capsules/{id}/processes/{selector}/stream: what a process that runs says from now on, or from earlier. */
import { processStreamQuerySchema } from "@wrenn/protocol/rest/processes";
import { processClientMessage } from "@wrenn/protocol/rest/streams";
import { connectProcess, parseSelector } from "../../capsules/processes.ts";
import { processParams } from "../capsules/params.ts";
import { ProcessMessages } from "./output.ts";
import { streamRoute } from "./route.ts";
import { runSession } from "./session.ts";

export const processStream = streamRoute({
  path: "/processes/:selector/stream",
  audit: "attach",
  params: processParams,
  query: processStreamQuerySchema,
  serve: async ({ client, context, call, params, query, begun }) => {
    const target = parseSelector(params.selector);
    using process = await connectProcess(context.capsules, call, target, query.from_seq);
    const tag = target.selector.case === "tag" ? { tag: target.selector.value } : {};
    begun();
    await client.send({ type: "start", pid: process.pid, ...tag });
    const messages = new ProcessMessages(query.encoding);
    await runSession(client, process, {
      schema: processClientMessage,
      input: "stdin",
      of: (event) => messages.of(event),
    });
  },
});
