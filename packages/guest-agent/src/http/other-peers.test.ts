import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type AgentFixture, startAgent } from "../testing/agent-fixture.ts";
import { limitOtherPeers } from "./other-peers.ts";

const HOST = "127.0.0.1";
const PROGRAM = "127.0.0.2";
const REQUEST = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n";

const sockets: Socket[] = [];
let server: Server | undefined;
let fixture: AgentFixture | undefined;
beforeEach(() => {
  server = undefined;
  fixture = undefined;
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.close();
  await fixture?.[Symbol.asyncDispose]();
});

async function open(port: number, from: string): Promise<Socket> {
  const socket = connect({ host: HOST, port, localAddress: from });
  sockets.push(socket);
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** The first line of an answer, or nothing when the connection is closed without one. */
async function ask(socket: Socket): Promise<string | undefined> {
  const answered = Promise.race([once(socket, "data"), once(socket, "close")]);
  socket.write(REQUEST);
  const [bytes] = await answered;
  return Buffer.isBuffer(bytes) ? bytes.toString().split("\r\n")[0] : undefined;
}

it("leaves the host its way in, however many connections a program opens", async () => {
  fixture = await startAgent();
  const port = Number(new URL(fixture.url).port);
  const idle: Socket[] = [];
  for (let count = 0; count < 64; count++) idle.push(await open(port, PROGRAM));
  expect(await ask(await open(port, PROGRAM))).toBeUndefined();
  for (let count = 0; count < 3; count++) expect(await ask(await open(port, HOST))).toBe("HTTP/1.1 200 OK");
  expect(await ask(idle[63] as Socket)).toBe("HTTP/1.1 200 OK");
  idle[0]?.destroy();
  await vi.waitUntil(async () => (await ask(await open(port, PROGRAM))) === "HTTP/1.1 200 OK");
});

it("closes a connection that asks for nothing, and no other", async () => {
  server = createServer((_request, response) => response.end());
  limitOtherPeers(server, HOST, { most: 8, headersMs: 100 });
  server.listen(0, HOST);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const host = await open(port, HOST);
  const asked = await open(port, PROGRAM);
  expect(await ask(asked)).toBe("HTTP/1.1 200 OK");
  const [silent, slow] = [await open(port, PROGRAM), await open(port, PROGRAM)];
  slow.write(REQUEST.slice(0, -2));
  await Promise.all([silent, slow].map((socket) => once(socket.resume(), "close")));
  expect(await ask(asked)).toBe("HTTP/1.1 200 OK");
  expect(await ask(host)).toBe("HTTP/1.1 200 OK");
});
