/** Client of the REST API for the commands. */
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { MetricRange } from "@wrenn/protocol/metric-tiers";
import type { Capsule, Console, CreateCapsule, Fork, ForkResult, Resume } from "@wrenn/protocol/rest/capsules";
import type { Health } from "@wrenn/protocol/rest/common";
import type { FileEntry, FileEntryResult } from "@wrenn/protocol/rest/files";
import type { CapsuleMetrics } from "@wrenn/protocol/rest/metrics";
import type { Port, PortList } from "@wrenn/protocol/rest/ports";
import type { BackgroundExec, Exec, ExecResult, Process, ProcessList } from "@wrenn/protocol/rest/processes";
import type { Checkpoint, CreateCheckpoint, CreateSnapshot, Rollback, Template } from "@wrenn/protocol/rest/snapshots";
import type { Usage } from "@wrenn/protocol/rest/usage";
import { type ApiTarget, type Body, send, toError } from "./http.ts";
import { MessageSocket } from "./socket.ts";

export type { ApiTarget } from "./http.ts";

/** A file on its way out of a capsule. */
export interface Download {
  /** bytes, when the server knows */
  readonly size: number | undefined;
  readonly content: Readable;
}

/** Parameters of a URL; those that are undefined are left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export class ApiClient {
  readonly #target: ApiTarget;

  constructor(target: ApiTarget) {
    this.#target = target;
  }

  health(): Promise<Health> {
    return this.#call("GET", "/health");
  }

  create(request: CreateCapsule): Promise<Capsule> {
    return this.#call("POST", "/v1/capsules", request);
  }

  list(): Promise<Capsule[]> {
    return this.#call("GET", "/v1/capsules");
  }

  get(id: string): Promise<Capsule> {
    return this.#call("GET", capsule(id));
  }

  /** Runs a command to its end and returns all of its output. */
  exec(id: string, request: Exec): Promise<ExecResult> {
    return this.#call("POST", capsule(id, "exec"), request);
  }

  /** Starts a command and leaves it running. */
  start(id: string, request: Exec): Promise<BackgroundExec> {
    return this.#call("POST", capsule(id, "exec"), { ...request, background: true });
  }

  async processes(id: string): Promise<Process[]> {
    return (await this.#call<ProcessList>("GET", capsule(id, "processes"))).processes;
  }

  /** @param selector the process's tag or pid */
  kill(id: string, selector: string, signal?: string): Promise<void> {
    return this.#call("DELETE", withQuery(capsule(id, "processes", selector), { signal }));
  }

  metrics(id: string, range: MetricRange): Promise<CapsuleMetrics> {
    return this.#call("GET", withQuery(capsule(id, "metrics"), { range }));
  }

  /** @param days YYYY-MM-DD, both included */
  usage(days: { from: string | undefined; to: string | undefined }): Promise<Usage> {
    return this.#call("GET", withQuery("/v1/capsules/usage", days));
  }

  async ports(id: string): Promise<Port[]> {
    return (await this.#call<PortList>("GET", capsule(id, "ports"))).ports;
  }

  /** What is at a path; of a symlink what it leads to. @throws not_found */
  async stat(id: string, path: string): Promise<FileEntry> {
    return (await this.#call<FileEntryResult>("POST", capsule(id, "files", "stat"), { path })).entry;
  }

  async download(id: string, path: string): Promise<Download> {
    const answer = await this.#request("GET", withQuery(capsule(id, "files", "download"), { path }));
    const length = answer.headers["content-length"];
    return { size: length === undefined ? undefined : Number(length), content: answer };
  }

  /** Writes a file as one step, from content of a size when that is known. @throws what the content's stream throws */
  async upload(id: string, path: string, content: Readable, size?: number): Promise<void> {
    const body = { type: "application/octet-stream", content, size };
    (await this.#request("PUT", withQuery(capsule(id, "files", "upload"), { path }), body)).resume();
  }

  /**
   * Opens a stream below a capsule.
   * @param signal gives up the opening
   * @throws what the server refuses it with
   */
  socket<In, Out extends object>(
    id: string,
    segments: readonly string[],
    query: Query = {},
    signal?: AbortSignal,
  ): Promise<MessageSocket<In, Out>> {
    return MessageSocket.open(this.#target, withQuery(capsule(id, ...segments), query), signal);
  }

  console(id: string): Promise<Console> {
    return this.#call("GET", capsule(id, "console"));
  }

  destroy(id: string): Promise<void> {
    return this.#call("DELETE", capsule(id));
  }

  pause(id: string): Promise<Capsule> {
    return this.#call("POST", capsule(id, "pause"));
  }

  resume(id: string, request: Resume = {}): Promise<Capsule> {
    return this.#call("POST", capsule(id, "resume"), request);
  }

  /** Begins the capsule's idle time anew. */
  ping(id: string): Promise<void> {
    return this.#call("POST", capsule(id, "ping"));
  }

  fork(id: string, request: Fork = {}): Promise<ForkResult> {
    return this.#call("POST", capsule(id, "fork"), request);
  }

  createCheckpoint(id: string, request: CreateCheckpoint = {}): Promise<Checkpoint> {
    return this.#call("POST", capsule(id, "checkpoints"), request);
  }

  listCheckpoints(id: string): Promise<Checkpoint[]> {
    return this.#call("GET", capsule(id, "checkpoints"));
  }

  deleteCheckpoint(id: string, name: string): Promise<void> {
    return this.#call("DELETE", capsule(id, "checkpoints", name));
  }

  rollback(id: string, request: Rollback): Promise<Capsule> {
    return this.#call("POST", capsule(id, "rollback"), request);
  }

  createSnapshot(request: CreateSnapshot): Promise<Template> {
    return this.#call("POST", "/v1/snapshots", request);
  }

  listSnapshots(type?: Template["type"]): Promise<Template[]> {
    return this.#call("GET", type === undefined ? "/v1/snapshots" : `/v1/snapshots?type=${type}`);
  }

  deleteSnapshot(name: string): Promise<void> {
    return this.#call("DELETE", `/v1/snapshots/${encodeURIComponent(name)}`);
  }

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const asJson = { type: "application/json", content: JSON.stringify(body) };
    const answer = await text(await this.#request(method, path, body === undefined ? undefined : asJson));
    return (answer === "" ? undefined : JSON.parse(answer)) as T;
  }

  /** The answer of a request that succeeded. */
  async #request(method: string, path: string, body?: Body): Promise<IncomingMessage> {
    const answer = await send(this.#target, method, path, body);
    const { statusCode = 0 } = answer;
    if (statusCode >= 200 && statusCode < 300) return answer;
    throw toError(statusCode, await text(answer));
  }
}

function capsule(id: string, ...segments: readonly string[]): string {
  return ["/v1/capsules", ...[id, ...segments].map(encodeURIComponent)].join("/");
}

function withQuery(path: string, query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, `${value}`);
  return parameters.size === 0 ? path : `${path}?${parameters}`;
}
