/**
 * The server of the host agent: Connect RPC, and requests for its capsules, over HTTP/1.1 on a Unix socket that only root can
 * open and, once the host is enrolled, over TLS.
 */
import { chmod, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo, ListenOptions, Server } from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { WrennError } from "@wrenn/protocol/errors";
import { HostAgentService } from "@wrenn/protocol/gen/hostagent_pb";
import type { ListenAddress } from "@wrenn/runtime/listen-address";
import type { HostContext } from "../host.ts";
import { GuestProxy } from "./guest-proxy.ts";
import { hostAgentService } from "./service.ts";
import { createTlsServer, type TlsCredentials, useCredentials } from "./tls-server.ts";

/** What the control plane reaches, as soon as there is something to prove oneself with. */
export interface NetworkServer {
  /** Resolves with the port. @throws port_in_use, config_invalid */
  listen(address: ListenAddress): Promise<number>;
  /** For connections that are made from now on. */
  use(credentials: TlsCredentials): void;
}

export interface RpcServer extends NetworkServer {
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
  const tls = createTlsServer();
  const guests = new GuestProxy(host.machines);
  const servers = [server, tls];
  for (const one of servers) guests.attach(one, rpc);
  const socket = host.layout.hostAgentSocket;
  await rm(socket, { force: true });
  await listen(server, { path: socket });
  await chmod(socket, 0o600);
  return {
    listen: async (address) => {
      await listen(tls, { ...address });
      return (tls.address() as AddressInfo).port;
    },
    use: (credentials) => useCredentials(tls, credentials),
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
    const failed = (cause: NodeJS.ErrnoException) => {
      const { code } = cause;
      reject(
        code === "EADDRINUSE"
          ? new WrennError("port_in_use", `${where} is in use`, { cause })
          : new WrennError("config_invalid", `cannot listen on ${where}: ${code}`, { cause }),
      );
    };
    server.once("error", failed).listen(options, () => {
      server.off("error", failed);
      resolve();
    });
  });
}
