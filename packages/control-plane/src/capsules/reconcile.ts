/**
 * Makes the database and the hosts agree: on every connection to a host, on every change it reports, and every few seconds.
 * The journal of a host is the truth about machines. A host that does not answer for long makes its capsules `missing`,
 * which ends none of them.
 */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { WrennError } from "@wrenn/protocol/errors";
import type { GetHostResponse, SandboxInfo, WatchSandboxesResponse } from "@wrenn/protocol/gen/hostagent_pb";
import { TRANSITIONS } from "@wrenn/protocol/states";
import { KeyedMutex, Semaphore } from "@wrenn/runtime/locks";
import { and, eq, inArray } from "drizzle-orm";
import { actingAs } from "../audit/actor.ts";
import { SYSTEM } from "../audit/entry.ts";
import { type CapsuleRow, capsules } from "../db/schema.ts";
import type { HostClient } from "../hosts/clients.ts";
import { listHosts, markOnline, markUnreachable, type RegisteredHost } from "../hosts/registry.ts";
import { HostWatch, type WatchHandlers } from "../hosts/watch.ts";
import { settleSnapshots } from "../snapshots/settle.ts";
import { decide } from "./decide.ts";
import type { CapsuleDeps } from "./deps.ts";
import { settleCapsules, uuidOf } from "./pass.ts";
import { transition } from "./transition.ts";

/** How long a host may be away before its capsules are called missing: longer than a restart or an upgrade takes. */
export const HOST_LOST_MS = 90_000;

const INTERVAL_MS = 10_000;
/** How soon a host that enrols is followed, and one that is deleted is not. */
const HOSTS_MS = 2_000;
const HELLO_MS = 10_000;
const FIRST_PASS_MS = 5_000;
const SNAPSHOT_PASS_MS = 60_000;
const PARALLEL = 8;

interface Followed {
  readonly host: RegisteredHost;
  readonly watch: HostWatch;
  readonly ended: AbortController;
}

export class Reconciler implements AsyncDisposable {
  readonly #deps: CapsuleDeps;
  readonly #hostLostMs: number;
  readonly #closing = new AbortController();
  readonly #followed = new Map<string, Followed>();
  readonly #running = new Set<Promise<void>>();
  readonly #locks = new KeyedMutex();
  readonly #slots = new Semaphore(PARALLEL);
  /** those that answer, which the other control planes are shown */
  readonly #online = new Set<string>();
  /** when hosts that do not answer were first found so, on the clock of `performance` */
  readonly #awaySince = new Map<string, number>();
  /** passes of hosts that have not begun */
  readonly #waiting = new Map<string, Promise<void>>();
  /** machines and snapshots without a row that were reported */
  readonly #unknown = new Set<string>();

  constructor(deps: CapsuleDeps, hostLostMs = HOST_LOST_MS) {
    this.#deps = deps;
    this.#hostLostMs = hostLostMs;
  }

  /** Follows every host. Resolves when each was reconciled once or did not answer, and after some seconds in any case. */
  async start(): Promise<void> {
    await this.#followHosts();
    const tried = new AbortController();
    await Promise.race([
      Promise.all([...this.#followed.values()].map(({ watch }) => watch.tried)),
      sleep(FIRST_PASS_MS, undefined, { signal: tried.signal }).catch(() => {}),
    ]);
    tried.abort();
    this.#track(this.#repeatHosts());
  }

  /** Whether the host with the UUID answers. */
  isOnline(hostId: string): boolean {
    return this.#online.has(hostId);
  }

  /**
   * The host has said that it lives: one that is not followed yet, has moved or did not answer is tried now.
   * @param changed what is known of it is not what it was
   */
  async heard(hostId: string, changed: boolean): Promise<void> {
    if (this.#online.has(hostId) && !changed) return;
    // What follows from now on is not the doing of whoever sent this request.
    await actingAs(SYSTEM, () => this.#locks.run("hosts", () => this.#followHosts()));
    if (!this.#online.has(hostId)) this.#followed.get(hostId)?.watch.tryNow();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#followed.values()].map(({ watch }) => watch.close()));
    await Promise.allSettled(this.#running);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #repeatHosts(): Promise<void> {
    const { signal } = this.#closing;
    for (;;) {
      await sleep(HOSTS_MS, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      await this.#locks.run("hosts", () => this.#followHosts()).catch((error: unknown) => this.#report(error));
    }
  }

  /** Hosts come, move and go, and some other control plane may have heard of it. */
  async #followHosts(): Promise<void> {
    const hosts = new Map((await listHosts(this.#deps.db)).map((host) => [host.id, host]));
    for (const [id, { host }] of this.#followed) {
      if (hosts.get(id)?.address !== host.address) await this.#unfollow(id);
    }
    if (this.#closing.signal.aborted) return;
    for (const host of hosts.values()) {
      // It may have another certificate than before.
      const client = this.#deps.hosts.get(host);
      if (!this.#followed.has(host.id)) this.#follow(host, client);
    }
  }

  #follow(host: RegisteredHost, client: HostClient): void {
    const handlers: WatchHandlers = {
      connected: (info) => this.#onConnected(host, info),
      event: (event) => this.#onEvent(host, event),
      lost: (error) => this.#onLost(host, error),
      failed: (error) => this.#report(error),
    };
    const watch = new HostWatch(client, handlers, host.status !== "pending");
    const ended = new AbortController();
    this.#followed.set(host.id, { host, watch, ended });
    this.#track(this.#repeat(host, client, AbortSignal.any([this.#closing.signal, ended.signal])));
  }

  async #unfollow(id: string): Promise<void> {
    const followed = this.#followed.get(id);
    this.#followed.delete(id);
    if (followed === undefined) return;
    followed.ended.abort();
    await followed.watch.close();
    await this.#notOnline(id);
    this.#awaySince.delete(id);
    this.#deps.hosts.drop(followed.host);
  }

  async #onConnected(host: RegisteredHost, info: GetHostResponse): Promise<void> {
    if (!this.#online.has(host.id)) {
      await this.#deps.operations.hold(host.id);
      this.#online.add(host.id);
      this.#deps.logger.info({ event: "host_online", host: host.address });
    }
    this.#awaySince.delete(host.id);
    await markOnline(this.#deps.db, host.id, info);
  }

  /** False when it has not been. */
  async #notOnline(id: string): Promise<boolean> {
    const was = this.#online.delete(id);
    if (was) await this.#deps.operations.letGo(id);
    return was;
  }

  async #onLost(host: RegisteredHost, error: WrennError): Promise<void> {
    if (await this.#notOnline(host.id)) {
      this.#deps.logger.warn({ event: "host_watch_lost", host: host.address, err: error });
    }
    const since = this.#awaySince.get(host.id) ?? performance.now();
    this.#awaySince.set(host.id, since);
    try {
      // Of those that lose it in the same moment each may still see the other: the next failed attempt looks again.
      if ((await this.#deps.operations.among([host.id])).size > 0) return void this.#awaySince.delete(host.id);
      await markUnreachable(this.#deps.db, host.id);
      if (performance.now() - since >= this.#hostLostMs) await this.#loseCapsules(host);
    } catch {
      // The database is away too: the next failed attempt says it again.
    }
  }

  /** Paused capsules need nothing of their host: they stay what they are. */
  async #loseCapsules(host: RegisteredHost): Promise<void> {
    const rows = await this.#deps.db.queries
      .select()
      .from(capsules)
      .where(and(eq(capsules.hostId, host.id), inArray(capsules.state, [...TRANSITIONS.lose_host.from])));
    const busy = await this.#deps.operations.among(rows.map(({ id }) => id));
    for (const row of rows.filter(({ id }) => !busy.has(id))) await transition(this.#deps, row, "lose_host");
  }

  async #repeat(host: RegisteredHost, { unary }: HostClient, signal: AbortSignal): Promise<void> {
    const look = async () => {
      const info = await unary.getHost({}, { signal, timeoutMs: HELLO_MS });
      if (this.#online.has(host.id)) await markOnline(this.#deps.db, host.id, info);
    };
    for (;;) {
      await sleep(INTERVAL_MS, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      if (!this.#online.has(host.id)) continue;
      const passes = await Promise.allSettled([look(), this.#pass(host), this.#snapshotPass(host)]);
      for (const pass of passes) if (pass.status === "rejected") this.#report(pass.reason);
    }
  }

  async #onEvent(host: RegisteredHost, event: WatchSandboxesResponse["event"]): Promise<void> {
    if (event.case === "snapshot") {
      this.#track(this.#snapshotPass(host));
      return this.#pass(host);
    }
    if (event.case === "changed") this.#track(this.#onChanged(host, event.value));
    if (event.case === "removed") this.#track(this.#pass(host));
  }

  /** An event may be older than the row that it is compared with, so it only says that it is time to ask the host. */
  async #onChanged(host: RegisteredHost, machine: SandboxInfo): Promise<void> {
    const row = await this.#rowOf(machine.sandboxId);
    const settled = row !== undefined && decide(row, machine, this.#deps.operations.has(row.id)).act === "nothing";
    if (!settled) await this.#pass(host);
  }

  async #rowOf(sandboxId: string): Promise<CapsuleRow | undefined> {
    const id = uuidOf(sandboxId);
    const rows = id === undefined ? [] : await this.#deps.db.queries.select().from(capsules).where(eq(capsules.id, id));
    return rows[0];
  }

  #track(work: Promise<void>): void {
    const tracked = work.catch((error: unknown) => this.#report(error)).finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  #report(error: unknown): void {
    if (this.#closing.signal.aborted) return;
    this.#deps.logger.warn({ event: "reconcile_failed", err: error });
  }

  /** Once each: it may be somebody's only copy, so it is never removed. */
  #reportUnknown(host: RegisteredHost, event: "unknown_machine" | "unknown_snapshot", ids: string[]): void {
    for (const id of ids.filter((one) => !this.#unknown.has(one))) {
      this.#unknown.add(id);
      this.#deps.logger.warn({ event, id, host: host.address });
    }
  }

  /** Whoever asks while a pass waits for its turn shares it: it has not looked at anything yet. */
  #pass(host: RegisteredHost): Promise<void> {
    const waiting = this.#waiting.get(host.id);
    if (waiting !== undefined) return waiting;
    const pass = this.#locks.run(`capsules ${host.id}`, async () => {
      this.#waiting.delete(host.id);
      const { signal } = this.#closing;
      const failed = (error: unknown) => this.#report(error);
      const unknown = await settleCapsules(this.#deps, host, { signal, slots: this.#slots, failed });
      this.#reportUnknown(host, "unknown_machine", unknown);
    });
    this.#waiting.set(host.id, pass);
    return pass;
  }

  /** Snapshots change only when this side asks, so no event hints at them. */
  #snapshotPass(host: RegisteredHost): Promise<void> {
    return this.#locks.run(`snapshots ${host.id}`, async () => {
      const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(SNAPSHOT_PASS_MS)]);
      this.#reportUnknown(host, "unknown_snapshot", await settleSnapshots(this.#deps, host, signal));
    });
  }
}
