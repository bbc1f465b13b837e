/** The HTTP server of the agent and its routes. */
import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import type { Agent } from "./agent.ts";
import { createRouter, type RouteHandler } from "./http/router.ts";
import { processRoutes } from "./process/service.ts";
import { clock } from "./routes/clock.ts";
import { downloadRoute } from "./routes/download.ts";
import { health } from "./routes/health.ts";
import { initRoute } from "./routes/init.ts";
import { prepareSnapshotRoute } from "./routes/prepare-snapshot.ts";
import { uploadRoute } from "./routes/upload.ts";

/** Milliseconds an unused connection is kept. */
const IDLE_CONNECTION_MS = 620_000;
/** Node looks for slow requests by a periodic timer; an idle machine must not wake up for that. */
const NEVER_MS = 2 ** 31 - 1;

export function createAgentServer(agent: Agent): Server {
  const connections = new Set<Socket>();
  const routes = new Map<string, RouteHandler>([
    ["GET /health", health],
    ["GET /clock", clock],
    ["POST /init", initRoute(agent, connections)],
    ["POST /snapshot/prepare", prepareSnapshotRoute(agent, () => server.closeIdleConnections())],
    ["GET /files", downloadRoute(agent)],
    ["POST /files", uploadRoute(agent)],
    ...processRoutes(agent),
  ]);
  const server = createServer(
    {
      keepAliveTimeout: IDLE_CONNECTION_MS,
      headersTimeout: 0,
      requestTimeout: 0,
      connectionsCheckingInterval: NEVER_MS,
    },
    createRouter(routes),
  );
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  });
  return server;
}
