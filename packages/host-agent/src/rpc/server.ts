/**
 * The server of the host agent: Connect RPC, and requests for its capsules, over HTTP/1.1 on a Unix socket that only root can
 * open and, once the host is enrolled, over TLS.
 */
import { chmod, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { Server as TlsServer } from "node:https";
import type { ListenOptions, Server } from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { WrennError } from "@wrenn/protocol/errors";
import { HostAgentService } from "@wrenn/protocol/gen/hostagent_pb";
import type { HostContext } from "../host.ts";
import { GuestProxy } from "./guest-proxy.ts";
import { hostAgentService } from "./service.ts";

export interface RpcServer {
  /** Ends open streams and stops listening. */
  close(): Promise<void>;
}

/** @param tls listens on the address of the configuration, where the host is enrolled. @throws port_in_use */
export async function serveRpc(host: HostContext, tls?: TlsServer): Promise<RpcServer> {
  const shutdown = new AbortController();
  const rpc = connectNodeAdapter({
    routes: (router) => router.service(HostAgentService, hostAgentService(host)),
    shutdownSignal: shutdown.signal,
  });
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 0, keepAliveTimeout: 620_000 });
  const guests = new GuestProxy(host.machines);
  const servers = tls === undefined ? [server] : [server, tls];
  for (const one of servers) guests.attach(one, rpc);
  const socket = host.layout.hostAgentSocket;
  await rm(socket, { force: true });
  await listen(server, { path: socket });
  await chmod(socket, 0o600);
  if (tls !== undefined) await listen(tls, host.config.listen);
  return {
    async close() {
      shutdown.abort();
      guests.close();
      const closed = servers.map((one) => new Promise((resolve) => one.close(resolve)));
      for (const one of servers) one.closeIdleConnections();
      setTimeout(() => {
        for (const one of servers) one.closeAllConnections();
      }, 2000).unref();
      await Promise.all(closed);
      await rm(socket, { force: true });
    },
  };
}

function listen(server: Server, options: ListenOptions): Promise<void> {
  const where = options.path ?? `${options.host}:${options.port}`;
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      reject(cause.code === "EADDRINUSE" ? new WrennError("port_in_use", `${where} is in use`, { cause }) : cause);
    });
    server.listen(options, resolve);
  });
}
