/** The RPC service `process.Process`: one file a method. */
import { Process } from "@wrenn/protocol/gen/process_pb";
import type { Agent } from "../agent.ts";
import { serviceRoutes } from "../connect/service.ts";
import type { RouteHandler } from "../http/router.ts";
import { list } from "./list.ts";
import { sendSignal } from "./send-signal.ts";
import { start } from "./start.ts";

export function processRoutes(agent: Agent): Iterable<[route: string, handler: RouteHandler]> {
  return serviceRoutes(Process, {
    list: () => list(agent),
    start: (request, stream) => start(agent, request, stream),
    sendSignal: (request) => sendSignal(agent, request),
  });
}
