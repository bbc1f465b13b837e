/** The RPC service `process.Process`: one file a method. */
import { Process } from "@wrenn/protocol/gen/process_pb";
import type { Agent } from "../agent.ts";
import { serviceRoutes } from "../connect/service.ts";
import type { RouteHandler } from "../http/router.ts";
import { closeStdin } from "./close-stdin.ts";
import { connect } from "./connect.ts";
import { list } from "./list.ts";
import { sendInput } from "./send-input.ts";
import { sendSignal } from "./send-signal.ts";
import { start } from "./start.ts";
import { streamInput } from "./stream-input.ts";
import { update } from "./update.ts";

export function processRoutes(agent: Agent): Iterable<[route: string, handler: RouteHandler]> {
  return serviceRoutes(Process, {
    list: () => list(agent),
    start: (request, stream, headers) => start(agent, request, stream, headers),
    connect: (request, stream) => connect(agent, request, stream),
    update: (request) => update(agent, request),
    sendInput: (request) => sendInput(agent, request),
    streamInput: (messages) => streamInput(agent, messages),
    closeStdin: (request) => closeStdin(agent, request),
    sendSignal: (request) => sendSignal(agent, request),
  });
}
