/**
 * A host agent in memory, with the TLS server of the real one: the real service, no machines, one real guest agent for all of them.
 * Tests make it fail or wait at named points.
 */
import type * as http from "node:http";
import type * as https from "node:https";
import type { AddressInfo } from "node:net";
import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { createTlsServer, type TlsCredentials, useCredentials } from "@wrenn/host-agent/rpc/tls-server";
import { toConnectError } from "@wrenn/protocol/connect-errors";
import { type ErrorCode, WrennError } from "@wrenn/protocol/errors";
import {
  type CreateSandboxRequest,
  type CreateSnapshotRequest,
  type ForkSandboxRequest,
  GetHostResponseSchema,
  HostAgentService,
  type ResumeSandboxRequest,
  type SandboxInfo,
  SandboxInfoSchema,
  type SnapshotInfo,
  SnapshotInfoSchema,
  WatchSandboxesResponseSchema,
} from "@wrenn/protocol/gen/hostagent_pb";
import { KeyedMutex } from "@wrenn/runtime/locks";
import { FakeGuest } from "./fake-guest.ts";
import { type Event, removed, STEP_PHASES, snapshot, Watcher } from "./fake-messages.ts";
import { FakeMetrics } from "./fake-metrics.ts";

/** Where a test can step in: before and after the step itself, or at the start of those that have one point. */
export type Point =
  | `${"create" | "pause" | "resume" | "snapshot" | "fork" | "rollback"}.${"before" | "after"}`
  | "destroy"
  | "snapshot.delete"
  | "console"
  | "metrics"
  | "metrics.read"
  | "metrics.flush";

type Hook = () => void | Promise<void>;

export class FakeHost implements AsyncDisposable {
  readonly machines = new Map<string, SandboxInfo>();
  readonly snapshots = new Map<string, SnapshotInfo>();
  readonly created: CreateSandboxRequest[] = [];
  readonly resumed: ResumeSandboxRequest[] = [];
  readonly pinged: string[] = [];
  readonly measured = new FakeMetrics();
  /** how often it was asked for all machines */
  listed = 0;
  readonly guest = new FakeGuest((id) => this.#guestProblem(id));
  memoryMb = 16_384;
  templates = ["minimal"];
  /** what it answers to a scrape, as JSON */
  metrics = "[]";
  readonly #hooks = new Map<Point, Hook>();
  readonly #locks = new KeyedMutex();
  readonly #watchers = new Set<Watcher>();
  #server: https.Server | undefined;
  #port = 0;
  #credentials: TlsCredentials | undefined;

  /** What its server shows from now on. */
  show(credentials: TlsCredentials): void {
    this.#credentials = credentials;
    if (this.#server !== undefined) useCredentials(this.#server, credentials);
  }

  /** On loopback, always at the same port. Resolves with it. */
  async listen(): Promise<number> {
    const server = createTlsServer(this.#credentials);
    const rpc = connectNodeAdapter({ routes: (router) => router.service(HostAgentService, this.#service()) });
    server.on("request", (request: http.IncomingMessage, response: http.ServerResponse) => {
      if (!this.guest.forward(request, response)) rpc(request, response);
    });
    const where = { host: "127.0.0.1", port: this.#port };
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(where, resolve));
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
    return this.#port;
  }

  /** It goes on, and whoever was connected has to connect anew. */
  breakConnections(): void {
    this.#server?.closeAllConnections();
  }

  get listening(): boolean {
    return this.#server !== undefined;
  }

  /** Ends as a killed process does: connections break, nothing is answered. Machines live on. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    // A handshake that ends only now makes one more.
    const late = setInterval(() => server.closeAllConnections(), 50);
    await closed;
    clearInterval(late);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.guest[Symbol.asyncDispose]();
  }

  /** Runs `hook` each time the point is reached; undefined takes it away. */
  at(point: Point, hook: Hook | undefined): void {
    if (hook === undefined) this.#hooks.delete(point);
    else this.#hooks.set(point, hook);
  }

  /** Takes all hooks away. */
  reset(): void {
    this.#hooks.clear();
  }

  failAt(point: Point, error: WrennError): void {
    this.at(point, () => {
      throw error;
    });
  }

  /** Callers wait at the point until `release`, or until `fail` ends the step there; `reached` resolves with the first one. */
  holdAt(point: Point): { reached: Promise<void>; release: () => void; fail: () => void } {
    const [reached, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    this.at(point, () => {
      reached.resolve();
      return held.promise;
    });
    const fail = () => held.reject(new WrennError("vmm_failed", "the test ends the step here"));
    return { reached: reached.promise, release: held.resolve, fail };
  }

  /** The machine changes by itself. */
  change(sandboxId: string, changes: Partial<Omit<SandboxInfo, "$typeName" | "sandboxId">>): void {
    const machine = this.machines.get(sandboxId) ?? create(SandboxInfoSchema, { sandboxId });
    this.#set(create(SandboxInfoSchema, { ...machine, ...changes }));
  }

  /** An event that comes late: the machine is something else already. */
  tellLate(sandboxId: string, status: string): void {
    const machine = this.machines.get(sandboxId) ?? create(SandboxInfoSchema, { sandboxId });
    this.#tell({ case: "changed", value: create(SandboxInfoSchema, { ...machine, status }) });
  }

  statusOf(sandboxId: string): string | undefined {
    return this.machines.get(sandboxId)?.status;
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
      getHost: () => this.#describe(),
      createSandbox: (request) => this.#create(request),
      destroySandbox: ({ sandboxId }) => this.#locks.run(sandboxId, () => this.#destroy(sandboxId)),
      pauseSandbox: ({ sandboxId }) => this.#step("pause", sandboxId, ["running"], () => this.#pause(sandboxId)),
      resumeSandbox: (request) => {
        this.resumed.push(request);
        return this.#step("resume", request.sandboxId, ["paused"], () => this.#run(request.sandboxId, "10.11.0.2"));
      },
      pingSandbox: ({ sandboxId }) => {
        this.pinged.push(this.#machine(sandboxId, ["running"]).sandboxId);
        return {};
      },
      createSnapshot: (request) => {
        return this.#step("snapshot", request.sandboxId, ["running", "paused"], () => this.#save(request));
      },
      deleteSnapshot: async ({ snapshotId }) => {
        await this.#reach("snapshot.delete");
        this.snapshots.delete(snapshotId);
        return {};
      },
      listSnapshots: () => ({ snapshots: [...this.snapshots.values()] }),
      forkSandbox: (request) => {
        return this.#step("fork", request.sandboxId, ["running", "paused"], () => this.#fork(request));
      },
      rollbackSandbox: ({ sandboxId, snapshotId }) => {
        return this.#step("rollback", sandboxId, ["running", "paused"], () => {
          if (!this.snapshots.has(snapshotId)) throw new WrennError("snapshot_missing", "no such snapshot");
          return this.#run(sandboxId, "10.11.0.3");
        });
      },
      listSandboxes: () => {
        this.listed++;
        return { sandboxes: [...this.machines.values()] };
      },
      watchSandboxes: (_request, { signal }) => this.#watch(signal),
      getConsole: async () => {
        await this.#reach("console");
        return { console: new TextEncoder().encode("booted\n") };
      },
      getSandboxMetrics: async ({ sandboxId, range }) => {
        await this.#reach("metrics.read");
        return this.measured.range(this.#machine(sandboxId).sandboxId, range);
      },
      flushSandboxMetrics: async ({ sandboxId }) => {
        await this.#reach("metrics.flush");
        return this.measured.flush(sandboxId, this.#machine(sandboxId).status);
      },
      getMetrics: async () => {
        await this.#reach("metrics");
        return { json: this.metrics };
      },
    };
  }

  /** Why requests for the capsule are not forwarded. */
  #guestProblem(id: string): ErrorCode | undefined {
    const status = this.machines.get(id)?.status;
    if (status === undefined) return "not_found";
    return status === "running" ? undefined : "invalid_state";
  }

  #describe() {
    return create(GetHostResponseSchema, {
      agentVersion: "0.0.0",
      vmm: "fake",
      accelerator: "tcg",
      cpuCores: 2,
      memoryMb: BigInt(this.memoryMb),
      diskFreeMb: 10_000n,
      diskMb: 20_000n,
      arch: "x86_64",
      templates: this.templates,
    });
  }

  #machine(sandboxId: string, states?: string[]): SandboxInfo {
    const machine = this.machines.get(sandboxId);
    if (machine === undefined)
      throw toConnectError(new WrennError("not_found", `no capsule ${sandboxId} on this host`));
    if (states === undefined || states.includes(machine.status)) return machine;
    throw toConnectError(new WrennError("invalid_state", `the capsule is ${machine.status}`));
  }

  /** One step of a machine at a time, as the real host does it. */
  #step<T>(name: "pause" | "resume" | "snapshot" | "fork" | "rollback", id: string, states: string[], body: () => T) {
    return this.#locks.run(id, async () => {
      this.#machine(id, states);
      await this.#reach(`${name}.before`);
      const answer = body();
      await this.#reach(`${name}.after`);
      return answer;
    });
  }

  async #create(request: CreateSandboxRequest) {
    this.created.push(request);
    if (!this.templates.includes(request.template)) {
      throw toConnectError(new WrennError("template_missing", `no template ${request.template} on this host`));
    }
    const { sandboxId, template, vcpus, memoryMb, diskSizeMb } = request;
    await this.#reach("create.before");
    this.#set(create(SandboxInfoSchema, { sandboxId, template, vcpus, memoryMb, diskSizeMb, status: "running" }));
    await this.#reach("create.after");
    return { sandboxId, status: "running", hostIp: "10.11.0.1", phases: STEP_PHASES };
  }

  async #destroy(sandboxId: string) {
    await this.#reach("destroy");
    if (this.machines.delete(sandboxId)) this.#tell({ case: "removed", value: removed(sandboxId) });
    return {};
  }

  #pause(sandboxId: string, pauseReason = "request") {
    this.change(sandboxId, { status: "paused", pauseReason, pausedAtUnix: BigInt(Math.floor(Date.now() / 1000)) });
    return { sizeBytes: 4096n, phases: [{ name: "write", ms: 7 }] };
  }

  /** What the host does by itself when the idle time is over. */
  idle(sandboxId: string): void {
    this.#pause(sandboxId, "idle");
  }

  #run(sandboxId: string, hostIp: string) {
    const { generation = 0 } = this.machines.get(sandboxId) ?? {};
    const changes = { status: "running", hostIp, pauseReason: "", pausedAtUnix: 0n, generation: generation + 1 };
    this.change(sandboxId, changes);
    return { status: "running", hostIp, phases: STEP_PHASES };
  }

  #save({ sandboxId, snapshotId, pause }: CreateSnapshotRequest) {
    const { vcpus, memoryMb, diskSizeMb, template } = this.#machine(sandboxId, ["running", "paused"]);
    const info = { snapshotId, vcpus, memoryMb, diskSizeMb, template, sizeBytes: 8192n };
    this.snapshots.set(snapshotId, create(SnapshotInfoSchema, info));
    if (pause) this.#pause(sandboxId);
    return { snapshot: info, phases: [{ name: "write", ms: 9 }] };
  }

  #fork({ sandboxId, children }: ForkSandboxRequest) {
    const { template, vcpus, memoryMb, diskSizeMb } = this.#machine(sandboxId, ["running", "paused"]);
    for (const child of children) {
      const same = { template, vcpus, memoryMb, diskSizeMb, status: "running" };
      this.#set(create(SandboxInfoSchema, { sandboxId: child.sandboxId, ...same }));
    }
    const started = children.map((child) => ({ sandboxId: child.sandboxId, hostIp: "10.11.0.4", phases: STEP_PHASES }));
    return { children: started, phases: [{ name: "write", ms: 9 }] };
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
}
