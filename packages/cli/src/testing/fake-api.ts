/** A server that stands for the REST API, and the command run against it in this process. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { WrennError } from "@wrenn/protocol/errors";
import type { Capsule } from "@wrenn/protocol/rest/capsules";
import type { Checkpoint, Template } from "@wrenn/protocol/rest/snapshots";
import { vi } from "vitest";
import { type Output, runCommand } from "./command.ts";

/** What each `METHOD /path` is answered with: a body, nothing (204), or an error of the registry. */
export type Answers = Readonly<Record<string, object | undefined>>;

/** the only key that the server takes */
export const API_KEY = "wrn_test";

export class FakeApi implements AsyncDisposable {
  readonly url: string;
  /** `METHOD /path` and the JSON body, if any, in the order of arrival */
  readonly requests: (readonly [route: string, body?: unknown])[] = [];
  readonly #server: Server;
  readonly #answers: Answers;

  private constructor(server: Server, answers: Answers) {
    this.#server = server;
    this.#answers = answers;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(answers: Answers): Promise<FakeApi> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const api = new FakeApi(server, answers);
    vi.stubEnv("WRENN_API_URL", api.url);
    vi.stubEnv("WRENN_API_KEY", API_KEY);
    server.on("request", (request, reply) => void api.#serve(request, reply));
    return api;
  }

  async #serve(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const answer = await this.#answer(request);
    if (answer === undefined) {
      reply.writeHead(204).end();
      return;
    }
    const failed = answer instanceof WrennError;
    const body = failed ? { error: { code: answer.code, message: answer.message } } : answer;
    reply.writeHead(failed ? answer.spec.status : 200, { "content-type": "application/json" });
    reply.end(JSON.stringify(body));
  }

  async #answer(request: IncomingMessage): Promise<object | undefined> {
    const route = `${request.method} ${request.url}`;
    const body = await text(request);
    this.requests.push(body === "" ? [route] : [route, JSON.parse(body)]);
    if (request.headers["x-api-key"] !== API_KEY) return new WrennError("unauthorized", "invalid API key");
    return Object.hasOwn(this.#answers, route) ? this.#answers[route] : new WrennError("not_found", "no such route");
  }

  /** Runs one command line against this server. */
  wrenn(...args: string[]): Promise<Output> {
    return runCommand(args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    vi.unstubAllEnvs();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

const NOW = new Date().toISOString();

export function aCapsule(facts: Partial<Capsule> = {}): Capsule {
  return {
    id: "cl-a",
    status: "running",
    template: "minimal",
    vcpus: 1,
    memory_mb: 512,
    disk_size_mb: 5120,
    timeout_sec: 0,
    auto_resume: false,
    created_at: NOW,
    last_updated: NOW,
    ...facts,
  };
}

export function aTemplate(facts: Partial<Template> = {}): Template {
  return { name: "prepared", type: "snapshot", size_bytes: 0, created_at: NOW, platform: false, ...facts };
}

export function aCheckpoint(facts: Partial<Checkpoint> = {}): Checkpoint {
  return { sandbox_id: "cl-a", name: "before", size_bytes: 0, created_at: NOW, ...facts };
}
