/** The face of a host agent to the network: TLS 1.3, for the control plane alone, which shows a certificate of its own. */
import { createServer, type Server } from "node:https";
import type { TLSSocket } from "node:tls";
import { CONTROL_PLANE_NAME } from "@wrenn/protocol/host-tls";

export interface TlsCredentials {
  readonly certPem: string;
  readonly keyPem: string;
  /** of the authority that the control plane's certificate has to be from */
  readonly caPem: string;
}

const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 0, keepAliveTimeout: 620_000 };

function contextOf({ certPem, keyPem, caPem }: TlsCredentials) {
  return { cert: certPem, key: keyPem, ca: caPem, minVersion: "TLSv1.3" as const };
}

/** Whoever connects before it has credentials is refused. */
export function createTlsServer(credentials?: TlsCredentials): Server {
  const server = createServer({
    ...TIMEOUTS,
    ...(credentials === undefined ? {} : contextOf(credentials)),
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ["http/1.1"],
  });
  // Before the server reads anything of it.
  server.prependListener("secureConnection", (socket: TLSSocket) => {
    if (socket.getPeerCertificate().subject?.CN !== CONTROL_PLANE_NAME) socket.destroy();
  });
  return server;
}

/** For connections that are made from now on; those that are open go on. */
export function useCredentials(server: Server, credentials: TlsCredentials): void {
  server.setSecureContext(contextOf(credentials));
}
