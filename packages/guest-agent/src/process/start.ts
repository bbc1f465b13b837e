/** `Start`: runs a process and streams its output. The process outlives the stream, unless its client wants it otherwise. */
import type { IncomingHttpHeaders } from "node:http";
import { WrennError } from "@wrenn/protocol/errors";
import type { StartRequest, StartResponseSchema } from "@wrenn/protocol/gen/process_pb";
import { ON_CLOSE_HEADER } from "@wrenn/protocol/guest-http";
import type { Agent } from "../agent.ts";
import type { ServerStream } from "../connect/server-stream.ts";
import { timeoutOf } from "../connect/timeout.ts";
import { basicUser } from "../http/basic-user.ts";
import { findCaller } from "../system/caller.ts";
import { follow } from "./follow.ts";
import { launch } from "./launch.ts";
import { terminalSize } from "./terminal-size.ts";

const SIGKILL = 9;
const MAX_TAG = 1024;

export function start(
  agent: Pick<Agent, "users" | "settings" | "processes">,
  request: StartRequest,
  stream: ServerStream<typeof StartResponseSchema>,
  headers: IncomingHttpHeaders,
): void {
  const config = request.process;
  if (config === undefined) throw new WrennError("invalid_request", "the request names no process");
  const timeoutMs = timeoutOf(headers);
  const terminal = request.pty === undefined ? undefined : terminalSize(request.pty.size);
  if (request.tag !== undefined && request.tag.length > MAX_TAG) {
    throw new WrennError("invalid_request", `the tag is longer than ${MAX_TAG} characters`);
  }
  const user = config.user || callerOf(agent, headers);
  const launched = launch(agent, { ...config, user, stdin: request.stdin ?? true, terminal });
  const process = agent.processes.add(launched, config, request.tag);
  // As envd has it: the deadline is that of the process, whether the client is still there or not.
  if (timeoutMs !== undefined) process.killAfter(timeoutMs);
  if (headers[ON_CLOSE_HEADER] === "kill") {
    const { generation } = agent.settings;
    stream.onClose(() => {
      // A restore breaks the connections of all, of those who wait too: what they wait for goes on.
      if (process.end === undefined && agent.settings.generation === generation) process.signal(SIGKILL);
    });
  }
  follow(process, stream);
}

/** The user that a client of envd names in its header. @throws unauthorized */
function callerOf(agent: Pick<Agent, "users" | "settings">, headers: IncomingHttpHeaders): string | undefined {
  const name = basicUser(headers);
  return name === undefined ? undefined : findCaller(agent, name).name;
}
