import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import type { GuestPorts } from "@wrenn/protocol/guest-http";
import { afterEach, beforeEach, expect, it } from "vitest";
import { listListeners } from "../ports/listeners.ts";
import { Ports } from "../ports/ports.ts";
import { type AgentFixture, startAgent } from "../testing/agent-fixture.ts";

const mine = new Set<number>();
let changed: () => void;
let fixture: AgentFixture;
let server: Server;

beforeEach(async () => {
  const ports = new Ports({
    list: () => listListeners().filter(({ port }) => mine.has(port)),
    watch(_closed, onChange) {
      changed = onChange;
      return true;
    },
    address: "127.0.0.99",
    hostAddress: "127.0.0.1",
  });
  ports.start();
  fixture = await startAgent({ ports });
  server = createServer();
});
afterEach(async () => {
  server.close();
  mine.clear();
  await fixture[Symbol.asyncDispose]();
});

async function listen(): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  mine.add(port);
  return port;
}

it("GET /ports answers what is listened on now", async () => {
  const port = await listen();
  const { ports } = (await (await fetch(`${fixture.url}/ports`)).json()) as GuestPorts;
  expect(ports).toEqual([{ port, address: "127.0.0.1", pid: process.pid, process: expect.any(String) }]);
});

it("GET /ports/watch says it at first and at each change, a line each", async () => {
  const stream = await fetch(`${fixture.url}/ports/watch`);
  expect(stream.headers.get("content-type")).toBe("application/x-ndjson");
  const lines = createInterface(Readable.fromWeb(stream.body as ReadableStream))[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value as string) as GuestPorts;
  expect(await next()).toEqual({ ports: [] });
  const port = await listen();
  changed();
  expect((await next()).ports).toMatchObject([{ port, address: "127.0.0.1" }]);
  server.close();
  changed();
  expect(await next()).toEqual({ ports: [] });
});

it("says why the ports cannot be listed", async () => {
  const ports = new Ports({
    list() {
      throw new Error("no such module");
    },
    watch: () => false,
    address: "127.0.0.99",
    hostAddress: "127.0.0.1",
  });
  await using other = await startAgent({ ports });
  const response = await fetch(`${other.url}/ports`);
  expect(response.status).toBe(501);
  expect(await response.json()).toMatchObject({ message: "the kernel of this capsule cannot list its sockets" });
});
