/**
 * Connect clients of host agents over HTTP/1.1. Streams have their own connections, so that a long exec never makes a
 * unary call wait; no call has a time limit but the one its caller gives.
 */
import * as http from "node:http";
import * as https from "node:https";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { HostAgentService } from "@wrenn/protocol/gen/hostagent_pb";

export type HostAgentClient = Client<typeof HostAgentService>;

/** One host's client by kind of call. */
export interface HostClient {
  readonly unary: HostAgentClient;
  readonly stream: HostAgentClient;
}

const UNIX = "unix:";

function connect(address: string, agent: http.Agent): HostAgentClient {
  const socket = address.startsWith(UNIX) ? address.slice(UNIX.length) : undefined;
  const transport = createConnectTransport({
    httpVersion: "1.1",
    baseUrl: socket === undefined ? address : "http://host-agent",
    nodeOptions: socket === undefined ? { agent } : { agent, socketPath: socket },
  });
  return createClient(HostAgentService, transport);
}

function newAgent(address: string): http.Agent {
  const options = { keepAlive: true, maxFreeSockets: 20 };
  return address.startsWith("https:") ? new https.Agent(options) : new http.Agent(options);
}

export class HostClients implements Disposable {
  readonly #clients = new Map<string, HostClient & { readonly agents: http.Agent[] }>();

  /** The client of the host at `unix:/path` or at an http(s) URL. Keyed by address: a host that moves gets new connections. */
  get(address: string): HostClient {
    const known = this.#clients.get(address);
    if (known !== undefined) return known;
    const [unary, stream] = [newAgent(address), newAgent(address)];
    const client = { unary: connect(address, unary), stream: connect(address, stream), agents: [unary, stream] };
    this.#clients.set(address, client);
    return client;
  }

  close(): void {
    for (const { agents } of this.#clients.values()) for (const agent of agents) agent.destroy();
    this.#clients.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
