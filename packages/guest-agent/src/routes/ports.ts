/** `GET /ports` and `GET /ports/watch`: the ports that programs listen on, once or at every change. */
import type { ServerResponse } from "node:http";
import type { GuestPorts } from "@wrenn/protocol/guest-http";
import type { Agent } from "../agent.ts";
import { sendJson } from "../http/respond.ts";
import type { RouteHandler } from "../http/router.ts";
import { logError } from "../log.ts";
import type { Ports } from "../ports/ports.ts";

export function portsRoute({ ports }: Pick<Agent, "ports">): RouteHandler {
  return async (_request, response) => {
    await ports.refresh();
    sendJson(response, 200, { ports: await ports.list() } satisfies GuestPorts);
  };
}

/** One JSON object a line. Whoever reads slowly misses what was in between, never the last. */
export function watchPortsRoute({ ports }: Pick<Agent, "ports">): RouteHandler {
  return async (_request, response) => {
    await ports.refresh();
    response.writeHead(200, { "content-type": "application/x-ndjson", "cache-control": "no-store" });
    const send = newestSender(ports, response);
    response.once("close", ports.watch(send));
    response.on("drain", send);
    send();
  };
}

function newestSender(ports: Ports, response: ServerResponse): () => void {
  let sentVersion: number | undefined;
  let isSending = false;
  const send = async () => {
    if (isSending) return;
    isSending = true;
    try {
      while (sentVersion !== ports.version && !response.writableNeedDrain && !response.destroyed) {
        sentVersion = ports.version;
        response.write(`${JSON.stringify({ ports: await ports.list() } satisfies GuestPorts)}\n`);
      }
    } catch (error) {
      logError("ports", error);
      response.destroy();
    } finally {
      isSending = false;
    }
  };
  return () => void send();
}
