/**
 * Connections to host agents over TLS 1.3 with certificates on both sides. A host is the one that it shall be when its
 * certificate is of the platform's authority, names the host's address and id, and is the one that the database knows.
 */
import { once } from "node:events";
import * as https from "node:https";
import { isIP, type LookupFunction } from "node:net";
import type { Duplex } from "node:stream";
import { checkServerIdentity, connect, type PeerCertificate, type TLSSocket } from "node:tls";
import { WrennError } from "@wrenn/protocol/errors";
import { fingerprintHex } from "@wrenn/protocol/host-tls";
import type { ByocAddresses } from "./byoc-addresses.ts";
import type { Certificates, ClientCredentials } from "./certificates.ts";

/** The name in a host's certificate, and the fingerprints of those that it may have: SHA-256, hex. */
export interface HostIdentity {
  /** wire id */
  readonly name: string;
  readonly fingerprints: readonly string[];
}

export interface TlsAgentOptions {
  readonly certificates: Pick<Certificates, "client">;
  /** asked for each connection; undefined when the host is no longer one of the platform's */
  readonly identity: () => HostIdentity | undefined;
  /** where it may be; anywhere when absent */
  readonly addresses?: ByocAddresses | undefined;
}

const DIAL_MS = 10_000;

/** Undefined when the certificate is that of the host. */
export function identityProblem(host: string, cert: PeerCertificate, identity: HostIdentity): Error | undefined {
  if (cert.subject.CN !== identity.name) return new Error(`the certificate is not that of ${identity.name}`);
  if (!identity.fingerprints.includes(fingerprintHex(cert.fingerprint256))) {
    return new Error(`${identity.name} has another certificate than the one that it was given`);
  }
  return checkServerIdentity(host, cert);
}

export class HostTlsAgent extends https.Agent {
  readonly #options: TlsAgentOptions;

  constructor(options: TlsAgentOptions) {
    // A session that is taken up again would skip the look at the certificate.
    super({ keepAlive: true, maxFreeSockets: 20, maxCachedSessions: 0 });
    this.#options = options;
  }

  override createConnection(
    { host, port }: https.RequestOptions,
    connected?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    this.#dial(host ?? "", Number(port)).then(
      (socket) => connected?.(null, socket),
      (error: Error) => connected?.(error, undefined as unknown as Duplex),
    );
  }

  async #dial(host: string, port: number): Promise<TLSSocket> {
    const identity = this.#options.identity();
    if (identity === undefined) throw new WrennError("host_unavailable", "the host is no longer registered");
    const credentials = await this.#options.certificates.client();
    try {
      const bare = host.replace(/^\[|\]$/g, "");
      const { addresses } = this.#options;
      // What is an address already is not looked up.
      addresses?.check(`https://${host}`);
      return await secured({ host: bare, port, lookup: addresses?.lookup }, credentials, identity);
    } catch (cause) {
      const why = cause instanceof Error ? `: ${cause.message}` : "";
      throw new WrennError("host_unavailable", `the host agent cannot be reached securely${why}`, { cause });
    }
  }
}

interface Where {
  readonly host: string;
  readonly port: number;
  readonly lookup: LookupFunction | undefined;
}

async function secured(
  { host, port, lookup }: Where,
  credentials: ClientCredentials,
  identity: HostIdentity,
): Promise<TLSSocket> {
  const socket = connect({
    host,
    port,
    ...credentials,
    ...(lookup === undefined ? {} : { lookup }),
    minVersion: "TLSv1.3",
    ALPNProtocols: ["http/1.1"],
    checkServerIdentity: (_name, cert) => identityProblem(host, cert, identity),
    ...(isIP(host) === 0 ? { servername: host } : {}),
  });
  // A small request would wait for the other side to acknowledge the one before: 40 ms.
  socket.setNoDelay(true);
  try {
    await once(socket, "secureConnect", { signal: AbortSignal.timeout(DIAL_MS) });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
