/** The server of the host agent: Connect RPC, and requests for its capsules, over HTTP/1.1 and TLS, for its control plane alone. */
import type { AddressInfo } from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { WrennError } from "@wrenn/protocol/errors";
import { HostAgentService } from "@wrenn/protocol/gen/hostagent_pb";
import type { ListenAddress } from "@wrenn/runtime/listen-address";
import type { HostContext } from "../host.ts";
import { GuestProxy } from "./guest-proxy.ts";
import { hostAgentService } from "./service.ts";
import { createTlsServer, type TlsCredentials, useCredentials } from "./tls-server.ts";

export interface NetworkServer {
  /** Resolves with the port. @throws port_in_use, config_invalid */
  listen(address: ListenAddress): Promise<number>;
  /** For connections that are made from now on; before there are any all are refused. */
  use(credentials: TlsCredentials): void;
}

export class RpcServer implements NetworkServer {
  readonly #shutdown = new AbortController();
  readonly #server = createTlsServer();
  readonly #guests: GuestProxy;

  constructor(host: HostContext) {
    this.#guests = new GuestProxy(host.machines);
    const routes = hostAgentService(host);
    const rpc = connectNodeAdapter({
      routes: (router) => router.service(HostAgentService, routes),
      shutdownSignal: this.#shutdown.signal,
    });
    this.#guests.attach(this.#server, rpc);
  }

  listen({ host, port }: ListenAddress): Promise<number> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      const failed = (cause: NodeJS.ErrnoException) => {
        const { code } = cause;
        const problem =
          code === "EADDRINUSE"
            ? new WrennError("port_in_use", `${host}:${port} is in use`, { cause })
            : new WrennError("config_invalid", `cannot listen on ${host}:${port}: ${code}`, { cause });
        reject(problem);
      };
      server.once("error", failed).listen({ host, port }, () => {
        server.off("error", failed);
        resolve((server.address() as AddressInfo).port);
      });
    });
  }

  use(credentials: TlsCredentials): void {
    useCredentials(this.#server, credentials);
  }

  /** Ends open streams and stops listening. */
  async close(): Promise<void> {
    this.#shutdown.abort();
    this.#guests.close();
    const server = this.#server;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 2000).unref();
    await closed;
  }
}
