/** What a host does with requests for its capsules, in front of one real guest agent, whose commands run on this machine. */
import * as http from "node:http";
import { pipeline } from "node:stream";
import type { Listener } from "@wrenn/guest-agent/ports/listeners";
import { Ports } from "@wrenn/guest-agent/ports/ports";
import { type AgentFixture, startAgent } from "@wrenn/guest-agent/testing/agent-fixture";
import { ERRORS, type ErrorCode } from "@wrenn/protocol/errors";
import { ERROR_HEADER } from "@wrenn/protocol/guest-http";

const GUEST_URL = /^\/guest\/([^/]+)(\/.*)$/;

export class FakeGuest implements AsyncDisposable {
  /** method and path of every request that was forwarded */
  readonly requests: string[] = [];
  /** bytes of bodies that came from clients, and of answers to them */
  received = 0;
  sent = 0;
  /** what programs listen on */
  listeners: readonly Listener[] = [];
  readonly #problemOf: (id: string) => ErrorCode | undefined;
  readonly #open = new Set<http.ServerResponse>();
  #agent: Promise<AgentFixture> | undefined;
  #listenersChanged = () => {};
  #held: Promise<void> | undefined;

  /** @param problemOf why requests for a capsule are refused */
  constructor(problemOf: (id: string) => ErrorCode | undefined) {
    this.#problemOf = problemOf;
  }

  /** The agent, from the first use on. */
  get agent(): Promise<AgentFixture> {
    return (this.#agent ??= startAgent({ ports: this.#newPorts() }));
  }

  listen(...listeners: readonly Listener[]): void {
    this.listeners = listeners;
    this.#listenersChanged();
  }

  /** Takes no more of any body until it is released. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    return () => {
      this.#held = undefined;
      resolve();
    };
  }

  /** Requests that are being answered. */
  get open(): number {
    return this.#open.size;
  }

  /** False for what is not for a capsule. */
  forward(request: http.IncomingMessage, response: http.ServerResponse): boolean {
    const [, id, path] = GUEST_URL.exec(request.url ?? "") ?? [];
    if (id === undefined || path === undefined) return false;
    const problem = this.#problemOf(id);
    if (problem !== undefined) {
      response.writeHead(ERRORS[problem].status, { [ERROR_HEADER]: problem }).end();
      return true;
    }
    void this.#forward(request, response, path);
    return true;
  }

  /** All connections break, as when a capsule is paused or its machine dies. */
  cut(): void {
    for (const { socket } of this.#open) socket?.destroy();
  }

  /** All answers end here, as when the agent stops in an orderly way. */
  finish(): void {
    for (const response of this.#open) response.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#agent)?.[Symbol.asyncDispose]();
  }

  async #forward(request: http.IncomingMessage, response: http.ServerResponse, path: string): Promise<void> {
    this.#open.add(response);
    response.once("close", () => this.#open.delete(response));
    this.requests.push(`${request.method} ${path}`);
    const { method, headers } = request;
    const { url } = await this.agent;
    const call = http.request(url + path, { method, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on("data", (chunk: Buffer) => (this.sent += chunk.length));
      pipeline(answer, response, () => {});
    });
    call.on("error", () => response.destroy());
    response.once("close", () => call.destroy());
    pipeline(
      request,
      (body) => this.#take(body),
      call,
      () => {},
    );
  }

  async *#take(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of body) {
      await this.#held;
      this.received += chunk.length;
      yield chunk;
    }
  }

  #newPorts(): Ports {
    const ports = new Ports({
      list: () => [...this.listeners],
      watch: (_onClosed, onChange) => {
        this.#listenersChanged = onChange;
        return true;
      },
      address: "127.0.0.1",
      hostAddress: "127.0.0.1",
    });
    ports.start();
    return ports;
  }
}
