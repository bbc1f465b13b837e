/** A host agent in memory, on a Unix socket: the real service, no machines. Tests make it fail or wait at named points. */
import { rm } from "node:fs/promises";
import * as http from "node:http";
import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { toConnectError } from "@wrenn/protocol/connect-errors";
import { WrennError } from "@wrenn/protocol/errors";
import {
  type CreateSandboxRequest,
  type ExecStreamRequest,
  ExecStreamResponseSchema,
  GetHostResponseSchema,
  HostAgentService,
  type SandboxInfo,
  SandboxInfoSchema,
  type WatchSandboxesResponse,
  WatchSandboxesResponseSchema,
} from "@wrenn/protocol/gen/hostagent_pb";

/** Where a test can step in: before the machine exists, after it exists but before the answer, and at the others' start. */
export type Point = "create.before" | "create.after" | "destroy" | "console";

type Hook = () => void | Promise<void>;
type Event = WatchSandboxesResponse["event"];

const text = new TextEncoder();

class Watcher {
  readonly #queue: Event[] = [];
  #wake = Promise.withResolvers<void>();

  push(event: Event): void {
    this.#queue.push(event);
    this.#wake.resolve();
  }

  async *events(signal: AbortSignal): AsyncGenerator<Event> {
    signal.addEventListener("abort", () => this.#wake.resolve(), { once: true });
    while (!signal.aborted) {
      for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) yield event;
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }
}

export class FakeHost implements AsyncDisposable {
  readonly machines = new Map<string, SandboxInfo>();
  readonly created: CreateSandboxRequest[] = [];
  readonly execs: ExecStreamRequest[] = [];
  /** commands whose caller left before their end */
  abortedExecs = 0;
  memoryMb = 16_384;
  readonly #hooks = new Map<Point, Hook>();
  readonly #watchers = new Set<Watcher>();
  readonly #socket: string;
  #server: http.Server | undefined;

  constructor(socket: string) {
    this.#socket = socket;
  }

  async listen(): Promise<void> {
    await rm(this.#socket, { force: true });
    const server = http.createServer(
      connectNodeAdapter({ routes: (router) => router.service(HostAgentService, this.#service()) }),
    );
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(this.#socket, resolve));
    this.#server = server;
  }

  /** Ends as a killed process does: connections break, nothing is answered. Machines live on. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  /** Runs `hook` each time the point is reached; undefined takes it away. */
  at(point: Point, hook: Hook | undefined): void {
    if (hook === undefined) this.#hooks.delete(point);
    else this.#hooks.set(point, hook);
  }

  failAt(point: Point, error: WrennError): void {
    this.at(point, () => {
      throw error;
    });
  }

  /** Callers wait at the point until `release`; `reached` resolves when the first one does. */
  holdAt(point: Point): { reached: Promise<void>; release: () => void } {
    const [reached, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    this.at(point, () => {
      reached.resolve();
      return held.promise;
    });
    return { reached: reached.promise, release: held.resolve };
  }

  /** The machine changes by itself. */
  change(sandboxId: string, changes: Partial<Pick<SandboxInfo, "status" | "endReason" | "endMessage">>): void {
    const machine = this.machines.get(sandboxId) ?? create(SandboxInfoSchema, { sandboxId });
    this.#set(create(SandboxInfoSchema, { ...machine, ...changes }));
  }

  #set(machine: SandboxInfo): void {
    this.machines.set(machine.sandboxId, machine);
    this.#tell({ case: "changed", value: machine });
  }

  #tell(event: Event): void {
    for (const watcher of this.#watchers) watcher.push(event);
  }

  async #reach(point: Point): Promise<void> {
    try {
      await this.#hooks.get(point)?.();
    } catch (error) {
      throw toConnectError(error);
    }
  }

  #service(): ServiceImpl<typeof HostAgentService> {
    return {
      getHost: () =>
        create(GetHostResponseSchema, {
          agentVersion: "0.0.0",
          vmm: "fake",
          accelerator: "tcg",
          cpuCores: 2,
          memoryMb: BigInt(this.memoryMb),
          diskFreeMb: 10_000n,
          arch: "x86_64",
          templates: ["minimal"],
        }),
      createSandbox: (request) => this.#create(request),
      destroySandbox: async ({ sandboxId }) => {
        await this.#reach("destroy");
        if (this.machines.delete(sandboxId)) this.#tell({ case: "removed", value: removed(sandboxId) });
        return {};
      },
      listSandboxes: () => ({ sandboxes: [...this.machines.values()] }),
      watchSandboxes: (_request, { signal }) => this.#watch(signal),
      execStream: (request, { signal }) => this.#exec(request, signal),
      getConsole: async () => {
        await this.#reach("console");
        return { console: text.encode("booted\n") };
      },
    };
  }

  async #create(request: CreateSandboxRequest) {
    this.created.push(request);
    if (request.template !== "minimal") {
      throw toConnectError(new WrennError("template_missing", `no template ${request.template} on this host`));
    }
    const { sandboxId, template, vcpus, memoryMb } = request;
    await this.#reach("create.before");
    this.#set(create(SandboxInfoSchema, { sandboxId, template, vcpus, memoryMb, status: "running" }));
    await this.#reach("create.after");
    const phases = [
      { name: "vmm_start", ms: 40.5 },
      { name: "guest_init", ms: 12 },
    ];
    return { sandboxId, status: "running", hostIp: "10.11.0.1", phases };
  }

  async *#watch(signal: AbortSignal) {
    const watcher = new Watcher();
    this.#watchers.add(watcher);
    try {
      const sandboxes = [...this.machines.values()];
      yield create(WatchSandboxesResponseSchema, { event: { case: "snapshot", value: snapshot(sandboxes) } });
      for await (const event of watcher.events(signal)) yield create(WatchSandboxesResponseSchema, { event });
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  /** `echo`, `bytes`, `flood` (never stops), `hang` (never ends), `slow` (past its timeout), anything else exits with 3. */
  async *#exec(request: ExecStreamRequest, signal: AbortSignal) {
    this.execs.push(request);
    try {
      yield exec({ case: "start", value: { pid: 42 } });
      if (request.cmd === "echo") yield stdout(text.encode(`${request.args.join(" ")}\n`));
      if (request.cmd === "bytes") yield stdout(Uint8Array.from([0xff, 0x00, 0x80]));
      while (request.cmd === "flood" && !signal.aborted) yield stdout(new Uint8Array(1 << 20).fill(0x61));
      if (request.cmd === "hang") await aborted(signal);
      const exitCode = ["echo", "bytes"].includes(request.cmd) ? 0 : 3;
      yield exec({ case: "end", value: { exitCode, error: "", timedOut: request.cmd === "slow" } });
    } finally {
      if (signal.aborted) this.abortedExecs++;
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

function snapshot(sandboxes: SandboxInfo[]) {
  return { $typeName: "hostagent.v1.WatchSandboxesResponse.Snapshot" as const, sandboxes };
}

function removed(sandboxId: string) {
  return { $typeName: "hostagent.v1.WatchSandboxesResponse.Removed" as const, sandboxId };
}

function exec(event: NonNullable<Parameters<typeof create<typeof ExecStreamResponseSchema>>[1]>["event"]) {
  return create(ExecStreamResponseSchema, event === undefined ? {} : { event });
}

function stdout(bytes: Uint8Array) {
  return exec({ case: "data", value: { output: { case: "stdout", value: bytes } } });
}
