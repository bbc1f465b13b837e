/** The HTTP server of the agent and its routes. */
import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import type { Agent } from "./agent.ts";
import { fileRoutes } from "./files/service.ts";
import { filesystemRoutes } from "./filesystem/service.ts";
import { createGuard } from "./http/guard.ts";
import { limitOtherPeers } from "./http/other-peers.ts";
import { createRouter, type RouteHandler } from "./http/router.ts";
import { processRoutes } from "./process/service.ts";
import { clockRoute } from "./routes/clock.ts";
import { envsRoute } from "./routes/envs.ts";
import { health } from "./routes/health.ts";
import { initRoute } from "./routes/init.ts";
import { metricsRoute } from "./routes/metrics.ts";
import { portsRoute, watchPortsRoute } from "./routes/ports.ts";
import { prepareSnapshotRoute } from "./routes/prepare-snapshot.ts";

/** Milliseconds an unused connection is kept. */
const IDLE_CONNECTION_MS = 620_000;
/** Node looks for slow requests by a periodic timer; an idle machine must not wake up for that. */
const NEVER_MS = 2 ** 31 - 1;

export function createAgentServer(agent: Agent): Server {
  const connections = new Set<Socket>();
  const routes = new Map<string, RouteHandler>([
    ["GET /health", health],
    ["GET /clock", clockRoute(agent)],
    ["POST /init", initRoute(agent, connections)],
    ["POST /snapshot/prepare", prepareSnapshotRoute(agent, () => server.closeIdleConnections())],
    ["GET /metrics", metricsRoute(agent)],
    ["GET /envs", envsRoute(agent)],
    ["GET /ports", portsRoute(agent)],
    ["GET /ports/watch", watchPortsRoute(agent)],
    ...fileRoutes(agent),
    ...filesystemRoutes(agent),
    ...processRoutes(agent),
  ]);
  const server = createServer(
    {
      keepAliveTimeout: IDLE_CONNECTION_MS,
      headersTimeout: 0,
      requestTimeout: 0,
      connectionsCheckingInterval: NEVER_MS,
    },
    createRouter(routes, createGuard(agent)),
  );
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  });
  limitOtherPeers(server, agent.hostAddress);
  return server;
}
