/**
 * Makes the database and the hosts agree: on every connection to a host, on every change it reports, and every few seconds.
 * The journal of a host is the truth about machines; a host that does not answer changes no capsule.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { WrennError } from "@wrenn/protocol/errors";
import type { GetHostResponse, SandboxInfo, WatchSandboxesResponse } from "@wrenn/protocol/gen/hostagent_pb";
import { idFromUuid, idToUuid, parseId } from "@wrenn/protocol/ids";
import { KeyedMutex, Semaphore } from "@wrenn/runtime/locks";
import { and, eq, notInArray } from "drizzle-orm";
import { type CapsuleRow, capsules, type HostRow } from "../db/schema.ts";
import { hostError } from "../hosts/errors.ts";
import { listHosts, markOnline, markUnreachable } from "../hosts/registry.ts";
import { HostWatch } from "../hosts/watch.ts";
import { type Decision, decide } from "./decide.ts";
import type { CapsuleDeps } from "./deps.ts";
import { destroyMachine, finishStopping } from "./destroy.ts";
import { transition } from "./transition.ts";

const INTERVAL_MS = 10_000;
const RPC_TIMEOUT_MS = 60_000;
const FIRST_PASS_MS = 5_000;
const PARALLEL = 8;

/** UUID of a machine's capsule; undefined when its name is none of ours. */
function uuidOf(sandboxId: string): string | undefined {
  try {
    return idToUuid(parseId("capsule", sandboxId));
  } catch {
    return undefined;
  }
}

export class Reconciler implements AsyncDisposable {
  readonly #deps: CapsuleDeps;
  readonly #closing = new AbortController();
  readonly #watches: HostWatch[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #locks = new KeyedMutex();
  readonly #slots = new Semaphore(PARALLEL);
  readonly #online = new Set<string>();
  /** machines without a row that were reported */
  readonly #unknown = new Set<string>();

  constructor(deps: CapsuleDeps) {
    this.#deps = deps;
  }

  /** Follows every host. Resolves when each was reconciled once or did not answer, and after some seconds in any case. */
  async start(): Promise<void> {
    for (const host of await listHosts(this.#deps.db)) this.#watch(host);
    const tried = new AbortController();
    await Promise.race([
      Promise.all(this.#watches.map((watch) => watch.tried)),
      sleep(FIRST_PASS_MS, undefined, { signal: tried.signal }).catch(() => {}),
    ]);
    tried.abort();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#watches.map((watch) => watch.close()));
    await Promise.allSettled(this.#running);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #watch(host: HostRow): void {
    const client = this.#deps.hosts.get(host.address);
    const watch = new HostWatch(client, {
      connected: (info) => this.#onConnected(host, info),
      event: (event) => this.#onEvent(host, event),
      lost: (error) => this.#onLost(host, error),
    });
    this.#watches.push(watch);
    this.#track(this.#repeat(host));
  }

  async #onConnected(host: HostRow, info: GetHostResponse): Promise<void> {
    await markOnline(this.#deps.db, host.id, info);
    if (!this.#online.has(host.id)) this.#deps.logger.info({ event: "host_online", host: host.address });
    this.#online.add(host.id);
  }

  async #onLost(host: HostRow, error: WrennError): Promise<void> {
    if (this.#online.delete(host.id)) {
      this.#deps.logger.warn({ event: "host_watch_lost", host: host.address, err: error });
    }
    try {
      await markUnreachable(this.#deps.db, host.id);
    } catch {
      // The database is away too: the next failed attempt says it again.
    }
  }

  async #repeat(host: HostRow): Promise<void> {
    const { signal } = this.#closing;
    for (;;) {
      await sleep(INTERVAL_MS, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      if (this.#online.has(host.id)) await this.#pass(host).catch((error: unknown) => this.#report("pass", error));
    }
  }

  async #onEvent(host: HostRow, event: WatchSandboxesResponse["event"]): Promise<void> {
    if (event.case === "snapshot") return this.#pass(host);
    if (event.case === "changed") this.#track(this.#settleMachine(host, event.value));
    // A machine that is gone is judged by a whole pass: only that reads the rows before it asks the host.
    if (event.case === "removed") this.#track(this.#pass(host));
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.#report("reconcile", error))
      .finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  #report(what: string, error: unknown): void {
    if (this.#closing.signal.aborted) return;
    this.#deps.logger.warn({ event: "reconcile_failed", what, err: error });
  }

  /**
   * Compares all rows and machines of one host. Rows are read before the host is asked, so that an absent machine is
   * truly gone, and those of machines again after it, so that a machine without a row is truly nobody's.
   */
  #pass(host: HostRow): Promise<void> {
    return this.#locks.run(`pass ${host.id}`, async () => {
      const before = await this.#liveRows(host);
      const { sandboxes } = await this.#deps.hosts
        .get(host.address)
        .unary.listSandboxes({}, { signal: this.#closing.signal, timeoutMs: RPC_TIMEOUT_MS })
        .catch((error: unknown) => {
          throw hostError(error);
        });
      const present = new Set(sandboxes.map(({ sandboxId }) => sandboxId));
      const absent = before.filter((row) => !present.has(idFromUuid("capsule", row.id)));
      await Promise.all([
        ...absent.map((row) => this.#settle(host, idFromUuid("capsule", row.id), row, undefined)),
        ...sandboxes.map((machine) => this.#settleMachine(host, machine)),
      ]);
    });
  }

  #liveRows(host: HostRow): Promise<CapsuleRow[]> {
    return this.#deps.db.queries
      .select()
      .from(capsules)
      .where(and(eq(capsules.hostId, host.id), notInArray(capsules.state, ["stopped", "error"])));
  }

  async #settleMachine(host: HostRow, machine: SandboxInfo): Promise<void> {
    const id = uuidOf(machine.sandboxId);
    const [row] =
      id === undefined ? [] : await this.#deps.db.queries.select().from(capsules).where(eq(capsules.id, id));
    await this.#settle(host, machine.sandboxId, row, machine);
  }

  async #settle(
    host: HostRow,
    sandboxId: string,
    row: CapsuleRow | undefined,
    machine: SandboxInfo | undefined,
  ): Promise<void> {
    const decision = decide(row, machine, row !== undefined && this.#deps.operations.has(row.id));
    if (decision.act === "nothing") return;
    await this.#slots.run(() => this.#locks.run(sandboxId, () => this.#apply(host, sandboxId, row, machine, decision)));
  }

  /** Once a machine: it may be somebody's only copy, so it is never removed. */
  #reportUnknown(host: HostRow, sandboxId: string): void {
    if (this.#unknown.has(sandboxId)) return;
    this.#unknown.add(sandboxId);
    this.#deps.logger.warn({ event: "unknown_machine", capsule: sandboxId, host: host.address });
  }

  async #apply(
    host: HostRow,
    sandboxId: string,
    row: CapsuleRow | undefined,
    machine: SandboxInfo | undefined,
    decision: Decision,
  ): Promise<void> {
    const deps = this.#deps;
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(RPC_TIMEOUT_MS)]);
    const remove = () => destroyMachine(deps, host.id, sandboxId, signal);
    if (row === undefined) return this.#reportUnknown(host, sandboxId);
    switch (decision.act) {
      case "destroy_machine":
        return remove();
      case "start":
        await transition(deps, row, "started", { startedAt: new Date(), hostIp: machine?.hostIp || null });
        return;
      case "find":
        await transition(deps, row, "found");
        return;
      case "finish_stop":
        return finishStopping(deps, row, signal);
      case "fail":
      case "end": {
        const action = decision.act === "fail" ? "fail" : "ended";
        const ended = { endReason: decision.reason, endMessage: decision.message, endedAt: new Date() };
        const moved = await transition(deps, row, action, ended);
        if (moved !== undefined && machine !== undefined) await remove();
        return;
      }
      case "nothing":
    }
  }
}
