/**
 * The ports that programs of the machine listen on: who listens there, who wants to know of changes, and forwarders for those
 * that only the machine itself reaches.
 */
import { WrennError } from "@wrenn/protocol/errors";
import { GUEST_PORT, type GuestPort } from "@wrenn/protocol/guest-http";
import { logError } from "../log.ts";
import { Forwarder } from "./forwarder.ts";
import { type Listener, unreachablePorts } from "./listeners.ts";
import { SocketOwners } from "./owners.ts";

export interface PortsOptions {
  list(): Listener[];
  /** As `watchListeners`. */
  watch(onClosed: (ports: number[]) => void, onChange: () => void): boolean;
  /** where the outside reaches this machine */
  readonly address: string;
  /** who may use the forwarders */
  readonly hostAddress: string;
}

/** Ports that are forwarded at the same time, and that are listed: a program may open as many as there are. */
const MOST_FORWARDED = 256;
const MOST_LISTED = 4096;
/** Milliseconds between two looks where the kernel tells nothing, and only while somebody watches. */
const POLL_MS = 1000;

export class Ports {
  /** grows with every change */
  version = 0;
  readonly #options: PortsOptions;
  readonly #owners = new SocketOwners();
  readonly #forwarders = new Map<number, Forwarder>();
  readonly #watchers = new Set<() => void>();
  #listeners: readonly Listener[] = [];
  #hasEvents = false;
  #poll: NodeJS.Timeout | undefined;

  constructor(options: PortsOptions) {
    this.#options = options;
  }

  /** From here on ports are forwarded as soon as somebody listens there; before, when somebody asks. */
  start(): void {
    this.#hasEvents = this.#options.watch(
      (closed) => this.#release(closed),
      () => this.#look(),
    );
    this.#look();
  }

  /** Looks again; resolves when what is to be forwarded is. @throws not_implemented when the kernel cannot list its sockets */
  async refresh(): Promise<void> {
    const { address, hostAddress } = this.#options;
    const listeners = this.#found().toSorted(byPort).slice(0, MOST_LISTED);
    this.#forward(unreachablePorts(listeners, address), address, hostAddress);
    const changed = keyOf(listeners) !== keyOf(this.#listeners);
    this.#listeners = listeners;
    await Promise.all([...this.#forwarders.values()].map(({ listening }) => listening));
    if (!changed) return;
    this.version += 1;
    for (const notify of this.#watchers) notify();
  }

  /** As the last look has found them. */
  async list(): Promise<GuestPort[]> {
    const listeners = this.#listeners;
    const owners = await this.#owners.of(listeners.map(({ inode }) => inode));
    const ports = new Map<string, GuestPort>();
    for (const { port, address, inode } of listeners) {
      // Several processes may share a port: the first stands for all.
      const key = `${port} ${address}`;
      if (!ports.has(key)) ports.set(key, { port, address, ...owners.get(inode) });
    }
    return [...ports.values()];
  }

  /** Calls back after every change. Returns how to stop. */
  watch(notify: () => void): () => void {
    this.#watchers.add(notify);
    if (!this.#hasEvents) this.#poll ??= setInterval(() => this.#look(), POLL_MS);
    return () => {
      this.#watchers.delete(notify);
      if (this.#watchers.size > 0) return;
      clearInterval(this.#poll);
      this.#poll = undefined;
    };
  }

  /** Stops to forward. */
  close(): void {
    clearInterval(this.#poll);
    this.#watchers.clear();
    this.#release([...this.#forwarders.keys()]);
  }

  #look(): void {
    this.refresh().catch((error: unknown) => logError("ports", error));
  }

  #found(): Listener[] {
    try {
      return this.#options.list().filter((listener) => !this.#isOwn(listener));
    } catch (cause) {
      throw new WrennError("not_implemented", "the kernel of this capsule cannot list its sockets", { cause });
    }
  }

  #isOwn({ port, address }: Listener): boolean {
    return port === GUEST_PORT || (address === this.#options.address && this.#forwarders.has(port));
  }

  #forward(targets: ReadonlyMap<number, string>, address: string, hostAddress: string): void {
    this.#release(
      [...this.#forwarders].filter(([port, { target }]) => targets.get(port) !== target).map(([port]) => port),
    );
    for (const [port, target] of targets) {
      if (this.#forwarders.size >= MOST_FORWARDED) return;
      if (this.#forwarders.has(port)) continue;
      const forwarder = new Forwarder({ port, address, target, hostAddress });
      this.#forwarders.set(port, forwarder);
      void forwarder.listening.then((listening) => {
        if (!listening && this.#forwarders.get(port) === forwarder) this.#forwarders.delete(port);
      });
    }
  }

  /** A port is given back as soon as its program has left it: the next one may want to have it on all addresses. */
  #release(ports: readonly number[]): void {
    for (const port of ports) {
      this.#forwarders.get(port)?.close();
      this.#forwarders.delete(port);
    }
  }
}

function byPort(one: Listener, other: Listener): number {
  return one.port - other.port;
}

function keyOf(listeners: readonly Listener[]): string {
  return listeners.map(({ port, address, inode }) => `${port} ${address} ${inode}`).join();
}
