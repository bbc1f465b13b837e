/**
 * Connect clients of host agents, and of the capsules behind them, over HTTP/1.1. Each kind of call has its own connections,
 * so that a long stream never makes a unary call wait; no call has a time limit but the one its caller gives.
 */
import * as http from "node:http";
import * as https from "node:https";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { HostAgentService } from "@wrenn/protocol/gen/hostagent_pb";
import type { Id } from "@wrenn/protocol/ids";
import { GuestClient } from "./guest-client.ts";
import type { HostAddress } from "./host-address.ts";

export type HostAgentClient = Client<typeof HostAgentService>;

/** One host's client by kind of call. */
export interface HostClient {
  readonly unary: HostAgentClient;
  readonly stream: HostAgentClient;
}

/** A host's clients and their connections. */
interface Connections extends HostClient {
  readonly guests: HostAddress;
  readonly agents: readonly http.Agent[];
}

const UNIX = "unix:";

function addressOf(address: string, agent: http.Agent): HostAddress {
  if (!address.startsWith(UNIX)) return { baseUrl: address, options: { agent } };
  return { baseUrl: "http://host-agent", options: { agent, socketPath: address.slice(UNIX.length) } };
}

function connect({ baseUrl, options }: HostAddress): HostAgentClient {
  return createClient(HostAgentService, createConnectTransport({ httpVersion: "1.1", baseUrl, nodeOptions: options }));
}

function newAgent(address: string): http.Agent {
  const options = { keepAlive: true, maxFreeSockets: 20 };
  return address.startsWith("https:") ? new https.Agent(options) : new http.Agent(options);
}

function newConnections(address: string): Connections {
  const [unary, stream, guests] = [newAgent(address), newAgent(address), newAgent(address)];
  return {
    unary: connect(addressOf(address, unary)),
    stream: connect(addressOf(address, stream)),
    guests: addressOf(address, guests),
    agents: [unary, stream, guests],
  };
}

export class HostClients implements Disposable {
  readonly #hosts = new Map<string, Connections>();

  /** The client of the host at `unix:/path` or at an http(s) URL. Keyed by address: a host that moves gets new connections. */
  get(address: string): HostClient {
    return this.#connections(address);
  }

  /** The client of a capsule on the host at this address. */
  guest(address: string, id: Id<"capsule">): GuestClient {
    return new GuestClient(this.#connections(address).guests, id);
  }

  close(): void {
    for (const { agents } of this.#hosts.values()) for (const agent of agents) agent.destroy();
    this.#hosts.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #connections(address: string): Connections {
    const known = this.#hosts.get(address) ?? newConnections(address);
    this.#hosts.set(address, known);
    return known;
  }
}
