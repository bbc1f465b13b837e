import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { listListeners } from "./listeners.ts";
import { Ports } from "./ports.ts";

const OUTSIDE = "127.0.0.99";
const HOST = "127.0.0.1";

/** Ports of this test alone: the machine that it runs on has others. */
const mine = new Set<number>();
const servers: Server[] = [];
let ports: Ports;
let events: { closed(ports: number[]): void; changed(): void } | undefined;

beforeEach(() => {
  events = undefined;
  ports = newPorts(true);
});

afterEach(() => {
  ports.close();
  for (const server of servers.splice(0)) server.close();
  mine.clear();
});

function newPorts(hasEvents: boolean): Ports {
  return new Ports({
    list: () => listListeners().filter(({ port }) => mine.has(port)),
    watch(closed, changed) {
      events = { closed, changed };
      return hasEvents;
    },
    address: OUTSIDE,
    hostAddress: HOST,
  });
}

async function listen(host: string, port = 0): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((socket) => socket.end(`served on ${host}`)).listen(port, host);
  servers.push(server);
  await once(server, "listening");
  const address = server.address() as AddressInfo;
  mine.add(address.port);
  return { port: address.port, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** What the outside gets from a port, or the code of the error. */
async function reach(port: number): Promise<string> {
  const socket = connect({ host: OUTSIDE, port, localAddress: HOST });
  return text(socket).catch((error: NodeJS.ErrnoException) => error.code ?? "");
}

describe("ports", () => {
  it("are listed with the process that listens", async () => {
    const all = await listen("0.0.0.0");
    const local = await listen("127.0.0.1");
    await ports.refresh();
    const own = { pid: process.pid, process: expect.any(String) };
    const expected = [
      { port: all.port, address: "0.0.0.0", ...own },
      { port: local.port, address: "127.0.0.1", ...own },
    ].toSorted((one, other) => one.port - other.port);
    expect(await ports.list()).toEqual(expected);
  });

  it("are reached from outside whatever they listen on", async () => {
    const local = await listen("127.0.0.1");
    const other = await listen("127.0.0.53");
    const all = await listen("0.0.0.0");
    expect(await reach(local.port)).toBe("ECONNREFUSED");
    await ports.refresh();
    expect(await reach(local.port)).toBe("served on 127.0.0.1");
    expect(await reach(other.port)).toBe("served on 127.0.0.53");
    expect(await reach(all.port)).toBe("served on 0.0.0.0");
    expect((await ports.list()).filter(({ address }) => address === OUTSIDE)).toEqual([]);
  });

  it("are reached over IPv6 loopback too", async () => {
    const local = await listen("::1");
    await ports.refresh();
    expect(await reach(local.port)).toBe("served on ::1");
  });

  it("are given back when their program leaves them, before anybody looks", async () => {
    const local = await listen("127.0.0.1");
    ports.start();
    await vi.waitUntil(async () => (await reach(local.port)) === "served on 127.0.0.1");
    await local.close();
    events?.closed([local.port]);
    const next = await listen("0.0.0.0", local.port);
    expect(await reach(next.port)).toBe("served on 0.0.0.0");
  });

  it("follow a program that moves to another address", async () => {
    const first = await listen("127.0.0.1");
    await ports.refresh();
    await first.close();
    await listen("127.0.0.2", first.port);
    await ports.refresh();
    expect(await reach(first.port)).toBe("served on 127.0.0.2");
  });

  it("are forwarded again when the one who was in the way has left", async () => {
    const local = await listen("127.0.0.1");
    const inTheWay = await listen(OUTSIDE, local.port);
    await ports.refresh();
    expect(await reach(local.port)).toBe(`served on ${OUTSIDE}`);
    await inTheWay.close();
    await ports.refresh();
    expect(await reach(local.port)).toBe("served on 127.0.0.1");
  });
});

describe("a watcher", () => {
  it("hears of every change and of nothing else", async () => {
    ports.start();
    const notify = vi.fn();
    const stop = ports.watch(notify);
    await ports.refresh();
    expect(notify).not.toHaveBeenCalled();
    const local = await listen("127.0.0.1");
    events?.changed();
    await vi.waitUntil(() => notify.mock.calls.length === 1);
    await local.close();
    events?.changed();
    await vi.waitUntil(() => notify.mock.calls.length === 2);
    await ports.refresh();
    stop();
    await listen("127.0.0.1");
    await ports.refresh();
    expect(notify).toHaveBeenCalledTimes(2);
  });

  it("hears of changes where the kernel tells none", async () => {
    ports = newPorts(false);
    ports.start();
    const notify = vi.fn();
    const stop = ports.watch(notify);
    await listen("127.0.0.1");
    await vi.waitUntil(() => notify.mock.calls.length === 1, { timeout: 5000 });
    stop();
  });
});
