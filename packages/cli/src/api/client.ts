/** Client of the REST API for the commands. It waits as long as the server works: a command may run for hours. */
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { isErrorCode, WrennError } from "@wrenn/protocol/errors";
import type {
  Capsule,
  Console,
  CreateCapsule,
  Exec,
  ExecResult,
  Fork,
  ForkResult,
  Resume,
} from "@wrenn/protocol/rest/capsules";
import type { ErrorEnvelope, Health } from "@wrenn/protocol/rest/common";
import type { Checkpoint, CreateCheckpoint, CreateSnapshot, Rollback, Template } from "@wrenn/protocol/rest/snapshots";

export interface ApiTarget {
  readonly url: string;
  readonly key: string;
}

/** Segments that a URL loses: without them `DELETE …/checkpoints/..` would destroy the capsule. */
const LOST_SEGMENT = /\/\.{0,2}(?=\/|$)/;

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

  exec(id: string, request: Exec): Promise<ExecResult> {
    return this.#call("POST", capsule(id, "exec"), request);
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
    if (LOST_SEGMENT.test(path)) throw new WrennError("invalid_request", 'no id or name is empty, "." or ".."');
    const { status, text } = await this.#send(method, path, body === undefined ? undefined : JSON.stringify(body));
    if (status >= 200 && status < 300) return (text === "" ? undefined : JSON.parse(text)) as T;
    throw toError(status, text);
  }

  #send(method: string, path: string, body: string | undefined): Promise<{ status: number; text: string }> {
    const { url, key } = this.#target;
    const send = url.startsWith("https:") ? httpsRequest : httpRequest;
    const headers = {
      "x-api-key": key,
      ...(body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
    };
    return new Promise((resolve, reject) => {
      const call = send(new URL(path, url), { method, headers }, (answer) => {
        const pieces: Buffer[] = [];
        answer.on("data", (piece: Buffer) => pieces.push(piece));
        answer.once("error", reject);
        answer.once("end", () =>
          resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(pieces).toString("utf8") }),
        );
      });
      let connected = false;
      call.once("socket", (socket) => {
        connected = !socket.connecting;
        // A kept socket has been connected all along.
        if (!connected) socket.once("connect", () => (connected = true));
      });
      call.once("error", (error) => {
        reject(
          connected
            ? new WrennError("connection_lost", `the connection to ${url} broke; what was asked may have been done`, {
                cause: error,
              })
            : new WrennError("not_running", `no Wrenn answers at ${url}`, { cause: error }),
        );
      });
      call.end(body);
    });
  }
}

function capsule(id: string, ...segments: readonly string[]): string {
  return ["/v1/capsules", ...[id, ...segments].map(encodeURIComponent)].join("/");
}

/** The server's own error, or one that says what came instead. */
function toError(status: number, text: string): WrennError {
  try {
    const { error } = JSON.parse(text) as ErrorEnvelope;
    const code = error.reason ?? error.code;
    return new WrennError(isErrorCode(code) ? code : "internal_error", error.message);
  } catch {
    return new WrennError("internal_error", `the server answered with status ${status} and no error message`);
  }
}
