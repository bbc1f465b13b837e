/** The server of the host agent: Connect RPC, and requests for its capsules, over HTTP/1.1 on a Unix socket that only root can open. */
import { chmod, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { HostAgentService } from "@wrenn/protocol/gen/hostagent_pb";
import type { HostContext } from "../host.ts";
import { GuestProxy } from "./guest-proxy.ts";
import { hostAgentService } from "./service.ts";

export interface RpcServer {
  /** Ends open streams and stops listening. */
  close(): Promise<void>;
}

export async function serveRpc(host: HostContext): Promise<RpcServer> {
  const shutdown = new AbortController();
  const rpc = connectNodeAdapter({
    routes: (router) => router.service(HostAgentService, hostAgentService(host)),
    shutdownSignal: shutdown.signal,
  });
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 0, keepAliveTimeout: 620_000 });
  const guests = new GuestProxy(host.machines);
  guests.attach(server, rpc);
  const socket = host.layout.hostAgentSocket;
  await rm(socket, { force: true });
  await listen(server, socket);
  await chmod(socket, 0o600);
  return {
    async close() {
      shutdown.abort();
      guests.close();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      setTimeout(() => server.closeAllConnections(), 2000).unref();
      await closed;
      await rm(socket, { force: true });
    },
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
}
