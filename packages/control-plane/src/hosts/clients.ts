/**
 * Connect clients of host agents, and of the capsules behind them, over HTTP/1.1. Each kind of call has its own connections,
 * so that a long stream never makes a unary call wait; no call has a time limit but the one its caller gives.
 */
import type * as http from "node:http";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { HostAgentService } from "@wrenn/protocol/gen/hostagent_pb";
import { type Id, idFromUuid } from "@wrenn/protocol/ids";
import type { HostType } from "@wrenn/protocol/rest/hosts";
import { ByocAddresses } from "./byoc-addresses.ts";
import type { Certificates } from "./certificates.ts";
import { GuestClient } from "./guest-client.ts";
import type { HostAddress } from "./host-address.ts";
import { type HostIdentity, HostTlsAgent } from "./tls-agent.ts";

export type HostAgentClient = Client<typeof HostAgentService>;

/** One host's client by kind of call. */
export interface HostClient {
  readonly unary: HostAgentClient;
  readonly stream: HostAgentClient;
}

/** What of a host's row says where it listens and what it proves itself with. */
export interface HostTarget {
  /** UUID */
  readonly id: string;
  readonly type: HostType;
  /** https URL */
  readonly address: string;
  readonly certFingerprint: string | null;
  readonly previousFingerprint: string | null;
}

/** A host's clients and their connections. */
interface Connections extends HostClient {
  readonly address: string;
  readonly guests: HostAddress;
  readonly agents: readonly http.Agent[];
  /** of the host as it was last seen; undefined once it is no more */
  identity: HostIdentity | undefined;
}

/** Many times the list of all machines of a large host: one that says more is broken, or hostile. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

function identityOf({ id, certFingerprint, previousFingerprint }: HostTarget): HostIdentity {
  const fingerprints = [certFingerprint, previousFingerprint].filter((one) => one !== null);
  return { name: idFromUuid("host", id), fingerprints };
}

function connect({ baseUrl, options }: HostAddress): HostAgentClient {
  return createClient(
    HostAgentService,
    createConnectTransport({
      httpVersion: "1.1",
      baseUrl,
      nodeOptions: options,
      readMaxBytes: MAX_MESSAGE_BYTES,
    }),
  );
}

export class HostClients implements Disposable {
  readonly #hosts = new Map<string, Connections>();
  readonly #certificates: Pick<Certificates, "client">;
  readonly #byoc: ByocAddresses;

  /** @param byoc where hosts that teams bring may be */
  constructor(certificates: Pick<Certificates, "client">, byoc = new ByocAddresses([])) {
    this.#certificates = certificates;
    this.#byoc = byoc;
  }

  /** The client of the host. New connections are made only to the host as it was described last. */
  get(host: HostTarget): HostClient {
    return this.#connections(host);
  }

  /** The client of a capsule on the host. */
  guest(host: HostTarget, id: Id<"capsule">): GuestClient {
    return new GuestClient(this.#connections(host).guests, id);
  }

  /** Breaks what is open to the host at the address, and makes no more connections to it there. */
  drop({ id, address }: Pick<HostTarget, "id" | "address">): void {
    const known = this.#hosts.get(id);
    if (known?.address !== address) return;
    this.#hosts.delete(id);
    known.identity = undefined;
    for (const agent of known.agents) agent.destroy();
  }

  close(): void {
    for (const { agents } of this.#hosts.values()) for (const agent of agents) agent.destroy();
    this.#hosts.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** A host that moves gets new connections. */
  #connections(host: HostTarget): Connections {
    const before = this.#hosts.get(host.id);
    if (before !== undefined && before.address !== host.address) this.drop({ id: host.id, address: before.address });
    const known = this.#hosts.get(host.id) ?? this.#newConnections(host);
    known.identity = identityOf(host);
    this.#hosts.set(host.id, known);
    return known;
  }

  #newConnections({ type, address }: HostTarget): Connections {
    const [certificates, addresses] = [this.#certificates, type === "byoc" ? this.#byoc : undefined];
    const newAgent = () => new HostTlsAgent({ certificates, identity: () => made.identity, addresses });
    const [unary, stream, guests] = [newAgent(), newAgent(), newAgent()];
    const addressBy = (agent: HostTlsAgent): HostAddress => ({ baseUrl: address, options: { agent } });
    const made: Connections = {
      address,
      unary: connect(addressBy(unary)),
      stream: connect(addressBy(stream)),
      guests: addressBy(guests),
      agents: [unary, stream, guests],
      identity: undefined,
    };
    return made;
  }
}
