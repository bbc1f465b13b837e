import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type RequestOptions,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from "node:net";
import { buffer, text } from "node:stream/consumers";
import { ERROR_HEADER, GUEST_PORT } from "@wrenn/protocol/guest-http";
import { newId } from "@wrenn/protocol/ids";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { GuestClient } from "../guest/client.ts";
import type { MachineRecord } from "../machines/record.ts";
import { type LiveParts, type Machine, Machines } from "../machines/registry.ts";
import { GuestProxy } from "./guest-proxy.ts";

/** A loopback address of this test's own: the agent's port is always the same. */
const ADDRESS = "127.77.0.2";
const TOKEN = "token-of-the-capsule";
const ID = newId("capsule");
const MIB = 1024 * 1024;

let machines: Machines;
let machine: Machine;
let guest: GuestClient;
let proxy: GuestProxy;
let server: Server;
let guestServer: Server | TcpServer | undefined;
const guestSockets = new Set<Socket>();

beforeEach(async () => {
  machines = new Machines(() => "/nonexistent");
  guest = new GuestClient(ADDRESS, TOKEN);
  machine = put("running");
  proxy = new GuestProxy(machines);
  server = createServer();
  proxy.attach(server, (_request, response) => response.end("rpc"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterEach(() => {
  guest.close();
  server.closeAllConnections();
  server.close();
  for (const socket of guestSockets) socket.destroy();
  guestServer?.close();
  guestServer = undefined;
});

function put(state: MachineRecord["state"]): Machine {
  const live = { guest, vm: { isOutOfSpace: false } } as unknown as LiveParts;
  return machines.put({ id: ID, state } as unknown as MachineRecord, live);
}

async function listen(agent: Server | TcpServer): Promise<void> {
  guestServer = agent;
  agent.on("connection", (socket: Socket) => {
    guestSockets.add(socket);
    socket.once("close", () => guestSockets.delete(socket));
  });
  agent.listen(GUEST_PORT, ADDRESS);
  await once(agent, "listening");
}

const agentWith = (answer: (...exchange: Parameters<RequestListener>) => unknown) =>
  listen(createServer({ keepAliveTimeout: 60_000 }, (...exchange) => void answer(...exchange)));

function send(path: string, options: RequestOptions = {}) {
  const { port } = server.address() as AddressInfo;
  // Whoever waits for the answer sees the error.
  return request({ host: "127.0.0.1", port, path, agent: false, ...options }).on("error", () => {});
}

const guestPath = (path: string) => `/guest/${ID}${path}`;

interface Received {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function fetchFrom(path: string, options: RequestOptions = {}, body?: string): Promise<Received> {
  const call = send(path, options);
  call.end(body);
  const [answer] = (await once(call, "response")) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await text(answer) };
}

describe("a request for a guest", () => {
  it("arrives with method, path, query, headers and body, and the capsule's token", async () => {
    const seen: { request: IncomingMessage; body: string }[] = [];
    await agentWith(async (asked, answer) => {
      seen.push({ request: asked, body: await text(asked) });
      answer.sendDate = false;
      answer.writeHead(201, "Made", { "x-two": ["1", "2"], "content-type": "text/plain" });
      answer.end("answer");
    });
    const headers = { "content-type": "application/x", "x-access-token": "wrong", connection: "x-own", "x-own": "1" };
    const path = "/files?path=%2Fa%20b&x=%3F?";
    const received = await fetchFrom(guestPath(path), { method: "POST", headers }, "body");
    expect(received).toMatchObject({ status: 201, body: "answer" });
    expect(received.headers).toMatchObject({ "x-two": "1, 2", "content-type": "text/plain" });
    expect(received.headers).not.toHaveProperty("date");
    expect(seen[0]).toMatchObject({ body: "body", request: { method: "POST", url: path } });
    expect(seen[0]?.request.headers).toMatchObject({
      host: `${ADDRESS}:${GUEST_PORT}`,
      "x-access-token": TOKEN,
      "content-type": "application/x",
      "content-length": "4",
    });
    expect(seen[0]?.request.headers).not.toHaveProperty("x-own");
  });

  it.each([
    ["GET", undefined, ""],
    ["HEAD", undefined, ""],
    ["DELETE", "chunked", "body of a DELETE"],
    ["POST", undefined, ""],
  ])("has the body that it had: %s %s", async (method, encoding, body) => {
    let received = "nothing";
    await agentWith(async (asked, answer) => {
      received = await text(asked);
      answer.setHeader("content-length", 7).end("content");
    });
    const headers = encoding === undefined ? {} : { "transfer-encoding": encoding };
    const answer = await fetchFrom(guestPath("/x"), { method, headers }, body);
    expect(answer.status).toBe(200);
    expect(answer.headers["content-length"]).toBe("7");
    expect(answer.body).toBe(method === "HEAD" ? "" : "content");
    expect(received).toBe(body);
  });

  it("gets parts of a file", async () => {
    await agentWith((asked, answer) => {
      answer.writeHead(206, { "content-range": "bytes 1-2/4", range: asked.headers.range ?? "" }).end("bc");
    });
    const answer = await fetchFrom(guestPath("/files"), { headers: { range: "bytes=1-2" } });
    expect(answer).toMatchObject({
      status: 206,
      body: "bc",
      headers: { "content-range": "bytes 1-2/4", range: "bytes=1-2" },
    });
  });

  it("sends its body when the guest wants it", async () => {
    const agent = createServer();
    agent.on("checkContinue", (asked: IncomingMessage, answer: ServerResponse) => {
      if (asked.url === "/refused") {
        answer.writeHead(413).end("too large");
        return;
      }
      answer.writeContinue();
      void text(asked).then((body) => answer.end(`got ${body}`));
    });
    await listen(agent);
    const headers = { expect: "100-continue", "content-length": "4" };
    const call = send(guestPath("/x"), { method: "POST", headers });
    call.flushHeaders();
    await once(call, "continue");
    call.end("body");
    const [answer] = (await once(call, "response")) as [IncomingMessage];
    expect(await text(answer)).toBe("got body");

    const refused = send(guestPath("/refused"), { method: "POST", headers });
    const wasWanted = vi.fn();
    refused.once("continue", wasWanted).flushHeaders();
    const [refusal] = (await once(refused, "response")) as [IncomingMessage];
    expect([refusal.statusCode, await text(refusal)]).toEqual([413, "too large"]);
    expect(wasWanted).not.toHaveBeenCalled();
    refused.destroy();
  });

  it("uses the connection of the one before", async () => {
    let connections = 0;
    await agentWith((asked, answer) => {
      asked.resume();
      asked.once("end", () => answer.end());
    });
    guestServer?.on("connection", () => connections++);
    for (let round = 0; round < 5; round++) await fetchFrom(guestPath("/x"), { method: "POST" }, "body");
    expect(connections).toBe(1);
    const [socket] = Object.values(guest.forwarded.freeSockets).flat();
    expect(socket?.listenerCount("connect")).toBe(0);
  });

  it("shows a stream as it comes", async () => {
    let stream: ServerResponse | undefined;
    await agentWith((_asked, answer) => {
      answer.flushHeaders();
      stream = answer;
    });
    const call = send(guestPath("/ports/watch"));
    call.end();
    const [answer] = (await once(call, "response")) as [IncomingMessage];
    for (const line of ["one\n", "two\n"]) {
      stream?.write(line);
      expect(String((await once(answer, "data"))[0])).toBe(line);
    }
    stream?.end();
    await once(answer, "end");
  });
});

describe("large bodies", () => {
  /** Waits until it does not change any more. */
  async function standsStill(read: () => number): Promise<number> {
    let before = -1;
    await vi.waitUntil(
      () => {
        const stands = read() === before;
        before = read();
        return stands && before > 0;
      },
      { interval: 100, timeout: 10_000 },
    );
    return before;
  }

  it("are read from the client no faster than the guest takes them", async () => {
    const asked = Promise.withResolvers<IncomingMessage>();
    await agentWith((message, answer) => {
      asked.resolve(message);
      message.once("end", () => answer.end());
    });
    const call = send(guestPath("/files"), { method: "POST" });
    let taken = 0;
    const pump = () => {
      if (taken === 64 * MIB) call.end();
      else call.write(Buffer.alloc(MIB), pump);
      taken += MIB;
    };
    pump();
    const slow = await asked.promise;
    expect(await standsStill(() => taken)).toBeLessThan(32 * MIB);
    expect((await buffer(slow)).length).toBe(64 * MIB);
    await once(call, "response");
  });

  it("are read from the guest no faster than the client takes them", async () => {
    let taken = 0;
    await agentWith((_asked, answer) => {
      const pump = () => {
        if (taken === 64 * MIB) answer.end();
        else answer.write(Buffer.alloc(MIB), pump);
        taken += MIB;
      };
      pump();
    });
    const call = send(guestPath("/files"));
    call.end();
    const [answer] = (await once(call, "response")) as [IncomingMessage];
    expect(await standsStill(() => taken)).toBeLessThan(32 * MIB);
    expect((await buffer(answer)).length).toBe(64 * MIB);
  });

  it("that are refused early tell the client why", async () => {
    await agentWith((_asked, answer) => {
      answer.writeHead(507).end("full");
    });
    const call = send(guestPath("/files"), { method: "POST" });
    call.write(Buffer.alloc(8 * MIB));
    const [answer] = (await once(call, "response")) as [IncomingMessage];
    expect([answer.statusCode, await text(answer)]).toEqual([507, "full"]);
    call.destroy();
  });
});

describe("a capsule", () => {
  it("counts as used while a request is open, and no longer", async () => {
    const held = Promise.withResolvers<ServerResponse>();
    await agentWith((_asked, answer) => held.resolve(answer));
    const answered = fetchFrom(guestPath("/x"));
    const answer = await held.promise;
    expect(machine.activity.idleMs(Date.now() + 60_000)).toBe(0);
    answer.end();
    await answered;
    await vi.waitUntil(() => machine.activity.idleMs(Date.now() + 60_000) > 0);
  });

  it("is told when the client leaves, and is unused then", async () => {
    const closed = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    await agentWith((_asked, answer) => {
      answer.once("close", closed.resolve);
      asked.resolve();
    });
    const call = send(guestPath("/x"));
    call.end();
    await asked.promise;
    call.destroy();
    await closed.promise;
    await vi.waitUntil(() => machine.activity.idleMs(Date.now() + 60_000) > 0);
  });

  it.each([
    ["is not there", () => machines.remove(ID), 404, "not_found"],
    ["is paused", () => put("paused"), 409, "invalid_state"],
  ])("that %s is no failure of its agent", async (_what, become, status, code) => {
    become();
    const refused = await fetchFrom(guestPath("/files"), { method: "POST" }, "x".repeat(MIB));
    expect(refused).toMatchObject({ status, headers: { [ERROR_HEADER]: code } });
    expect(JSON.parse(refused.body)).toEqual({ code, message: expect.stringContaining(ID) });
  });

  it("whose agent is gone is unreachable", async () => {
    const refused = await fetchFrom(guestPath("/files"));
    expect(refused).toMatchObject({ status: 502, headers: { [ERROR_HEADER]: "guest_unreachable" } });
  });

  it("that is being saved gets its requests when it is ready for them", async () => {
    const seen: string[] = [];
    const prepare = Promise.withResolvers<ServerResponse>();
    await agentWith((asked, answer) => {
      seen.push(asked.url ?? "");
      if (asked.url === "/snapshot/prepare") prepare.resolve(answer);
      else answer.end("answer");
    });
    const prepared = guest.prepare(5000);
    const answer = await prepare.promise;
    const later = fetchFrom(guestPath("/x"));
    await vi.waitUntil(() => machine.activity.idleMs(Date.now() + 60_000) === 0);
    expect(seen).toEqual(["/snapshot/prepare"]);
    answer.end('{"monotonicMs":1,"realtimeMs":1}');
    await prepared;
    expect(await later).toMatchObject({ status: 200, body: "answer" });
  });
});

describe("open requests break", () => {
  async function open(): Promise<{ answer: IncomingMessage; stream: ServerResponse }> {
    const stream = Promise.withResolvers<ServerResponse>();
    await agentWith((_asked, answer) => {
      answer.write("begin");
      stream.resolve(answer);
    });
    const call = send(guestPath("/x"));
    call.end();
    const [answer] = (await once(call, "response")) as [IncomingMessage];
    await once(answer, "data");
    return { answer, stream: await stream.promise };
  }

  it.each([
    ["when the machine is paused", () => guest.close()],
    ["when the guest's connection breaks", () => guestSockets.forEach((socket) => socket.resetAndDestroy())],
    ["when the guest ends in the middle", () => guestSockets.forEach((socket) => socket.end())],
    ["when the host agent stops", () => proxy.close()],
  ])("%s, and never look complete", async (_what, cut) => {
    const { answer } = await open();
    const failure = once(answer, "error");
    cut();
    expect((await failure)[0]).toMatchObject({ code: "ECONNRESET" });
    expect(answer.complete).toBe(false);
  });

  it("before their answer, and do not say that nothing was done when the guest may have done it", async () => {
    const asked = Promise.withResolvers<void>();
    await agentWith(() => asked.resolve());
    const answered = fetchFrom(guestPath("/x"));
    await asked.promise;
    put("paused");
    guest.close();
    expect(await answered).toMatchObject({ status: 502, headers: { [ERROR_HEADER]: "guest_unreachable" } });
  });

  it("on a connection that was used before, and do not say that nothing was done either", async () => {
    let requests = 0;
    await agentWith((asked, answer) => {
      if (requests++ === 0) return answer.end();
      put("paused");
      return asked.socket.destroy();
    });
    await fetchFrom(guestPath("/x"));
    expect(await fetchFrom(guestPath("/x"))).toMatchObject({ headers: { [ERROR_HEADER]: "guest_unreachable" } });
  });

  it("before the guest can have seen them, and say that the capsule is paused", async () => {
    // A look-up that never ends: the connection is never made.
    const connecting = connect({ host: "guest.invalid", port: GUEST_PORT, lookup: () => {} });
    const asked = vi.spyOn(guest.forwarded, "createConnection").mockReturnValue(connecting);
    const answered = fetchFrom(guestPath("/x"), { method: "POST" }, "body");
    await vi.waitUntil(() => asked.mock.calls.length > 0);
    put("paused");
    connecting.destroy(new Error("closed"));
    expect(await answered).toMatchObject({ status: 409, headers: { [ERROR_HEADER]: "invalid_state" } });
  });
});

describe("what is not let through", () => {
  it.each(["/init", "/clock", "/snapshot/prepare", "/init?x=1"])("is the control path %s", async (path) => {
    const listener = vi.fn();
    await agentWith(listener);
    for (const method of ["GET", "POST"]) {
      expect(await fetchFrom(guestPath(path), { method })).toMatchObject({ status: 403 });
    }
    expect(listener).not.toHaveBeenCalled();
  });

  it.each(["/guest/", "/guest/x", "/guest/x/y", `/guest/${ID}`, `/guest/${ID}?x`, "/guest//x"])(
    "is the path %s, which names no guest",
    async (path) => {
      expect(await fetchFrom(path)).toMatchObject({ status: 400, headers: { [ERROR_HEADER]: "invalid_request" } });
    },
  );

  it.each(["x-wrenn-error", "X-Wrenn-Error", "trailer-x-wrenn-error"])(
    "is what a guest says in the host's name: %s",
    async (name) => {
      await agentWith((_asked, answer) => answer.writeHead(404, { [name]: "not_running" }).end());
      const { headers } = await fetchFrom(guestPath("/x"));
      expect(Object.keys(headers).filter((header) => header.endsWith(ERROR_HEADER))).toEqual([]);
    },
  );

  it.each([
    ["no HTTP", "SSH-2.0-guest\r\n\r\n"],
    ["a head without end", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(100_000)}`],
    ["an upgrade that nobody asked for", "HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"],
    ["two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"],
  ])("is an answer that is %s", async (_what, bytes) => {
    await listen(
      createTcpServer((socket) => {
        socket.on("error", () => {});
        socket.end(bytes);
      }),
    );
    expect(await fetchFrom(guestPath("/x"))).toMatchObject({ status: 502 });
  });

  it("is not everything else: other paths are for the RPC service", async () => {
    expect(await fetchFrom("/hostagent.v1.HostAgentService/GetHost")).toMatchObject({ status: 200, body: "rpc" });
    expect(await fetchFrom("/guests/x", { method: "POST", headers: { expect: "100-continue" } }, "x")).toMatchObject({
      body: "rpc",
    });
  });
});
