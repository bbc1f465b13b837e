/** The guest is hostile: whatever stands in the agent's place, the host gets an error soon and keeps its memory. */
import { once } from "node:events";
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { Process, Signal } from "@wrenn/protocol/gen/process_pb";
import { GUEST_PORT } from "@wrenn/protocol/guest-http";
import { afterEach, describe, expect, it, vi } from "vitest";
import { GuestClient } from "./client.ts";
import { type ExecEvent, type ExecRequest, exec } from "./exec.ts";

/** A loopback address of this test's own: the agent's port is always the same. */
const ADDRESS = "127.77.0.1";

let server: Server;
let client: GuestClient;
afterEach(() => {
  client.close();
  server.closeAllConnections();
  server.close();
});

async function guest(listener: RequestListener): Promise<GuestClient> {
  server = createServer(listener).listen(GUEST_PORT, ADDRESS);
  await once(server, "listening");
  client = new GuestClient(ADDRESS);
  return client;
}

const command = { cmd: "x", args: [], envs: {}, timeoutSec: 0 };

function collect(timeoutSec = 0, signal = new AbortController().signal): Promise<ExecEvent[]> {
  return run({ ...command, timeoutSec }, signal);
}

async function run(request: ExecRequest, signal = new AbortController().signal): Promise<ExecEvent[]> {
  const events: ExecEvent[] = [];
  for await (const event of exec(client, request, signal)) events.push(event);
  return events;
}

describe("the plain routes", () => {
  it("give up on an agent that never answers", async () => {
    await guest(() => {});
    await expect(client.init({}, 200)).rejects.toMatchObject({ code: "guest_unreachable" });
  });

  it("give up on an answer without end", async () => {
    await guest((_request, answer) => {
      const pump = () => {
        while (!answer.destroyed && answer.write("x".repeat(65_536)));
        answer.once("drain", pump);
      };
      pump();
    });
    await expect(client.health(10_000)).rejects.toMatchObject({ code: "guest_unreachable" });
  });

  it("try again until somebody listens", async () => {
    client = new GuestClient(ADDRESS);
    const answer = client.health(5000);
    await guest((_request, response) => response.end('{"version":"1.2.3"}'));
    expect(await answer).toEqual({ version: "1.2.3" });
  });

  it("send clock and entropy of the moment", async () => {
    const bodies: { timestampMs: number; entropy: string }[] = [];
    await guest((request, answer) => {
      void request.toArray().then((pieces: Buffer[]) => {
        bodies.push(JSON.parse(Buffer.concat(pieces).toString()));
        answer.writeHead(204).end();
      });
    });
    await client.init({ sandboxId: "cl-1" }, 5000);
    await client.init({ sandboxId: "cl-1" }, 5000);
    expect(bodies[0]).toMatchObject({ sandboxId: "cl-1", timestampMs: expect.any(Number) });
    expect(Buffer.from(bodies[0]?.entropy ?? "", "base64")).toHaveLength(64);
    expect(bodies[0]?.entropy).not.toBe(bodies[1]?.entropy);
    expect(bodies[0]).not.toHaveProperty("clockOffsetMs");
    await client.init({ clockOffsetMs: 1_800_000_000_000.5 }, 5000);
    expect(bodies[2]).toMatchObject({ clockOffsetMs: 1_800_000_000_000.5, timestampMs: expect.any(Number) });
  });
});

describe("the access token", () => {
  async function seenTokens(by: (client: GuestClient) => Promise<unknown>): Promise<unknown[]> {
    const seen: unknown[] = [];
    await guest((request, answer) => {
      seen.push(request.headers["x-access-token"]);
      answer.writeHead(204, { "x-agent-revision": "7" }).end();
    });
    await by(client);
    return seen;
  }

  it("is used from the init on that sets it, also for calls, and kept by one that does not", async () => {
    const seen = await seenTokens(async (by) => {
      await by.init({ accessToken: "first" }, 5000);
      await by.init({}, 5000);
      await by.process.list({}).catch(() => {});
      await by.init({ accessToken: "second" }, 5000);
      await by.init({}, 5000);
    });
    expect(seen).toEqual([undefined, "first", "first", "first", "second"]);
    expect(client.authentication).toEqual({ "x-access-token": "second" });
  });

  it("of a machine that runs already is there from the beginning", async () => {
    const seen = await seenTokens(async () => {
      client.close();
      client = new GuestClient(ADDRESS, "of the record");
      await client.init({}, 5000);
    });
    expect(seen).toEqual(["of the record"]);
  });

  it("is not used when the guest did not take it", async () => {
    await guest((_request, answer) => answer.writeHead(500).end());
    await expect(client.init({ accessToken: "new" }, 5000)).rejects.toMatchObject({ code: "agent_error" });
    expect(client.authentication).toEqual({});
  });
});

it.each([
  ["what it says", { "x-agent-revision": "7" }, 7],
  ["1 when it says nothing", {}, 1],
  ["1 when it says nonsense", { "x-agent-revision": "1e9" }, 1],
])("the agent's revision is %s", async (_what, headers, revision) => {
  await guest((_request, answer) => answer.writeHead(204, headers).end());
  expect(await client.init({}, 5000)).toBe(revision);
});

describe("the clock", () => {
  it("is compared with the host's to within half the round trip", async () => {
    const [startedAt, started] = [Date.now(), performance.now()];
    await guest((_request, answer) => {
      answer.end(JSON.stringify({ monotonicMs: performance.now() - started, realtimeMs: 1 }));
    });
    const { offsetMs, uncertaintyMs, realtimeMs } = await client.clock(5000);
    // `Date.now` is whole milliseconds.
    expect(Math.abs(offsetMs - startedAt)).toBeLessThanOrEqual(uncertaintyMs + 2);
    expect(realtimeMs).toBe(1);
  });

  it("that cannot be true is an error of the agent", async () => {
    await guest((_request, answer) => answer.end('{"monotonicMs":1e12,"realtimeMs":1}'));
    await expect(client.clock(5000)).rejects.toMatchObject({ code: "agent_error" });
  });
});

describe("before a snapshot", () => {
  it.each([
    ["a pause lets it drop the page cache", (by: GuestClient) => by.prepare(5000), "/snapshot/prepare"],
    ["a template keeps it", (by: GuestClient) => by.prepareTemplate(5000), "/snapshot/prepare?page_cache=keep"],
  ])("%s", async (_what, prepare, url) => {
    const asked: string[] = [];
    const startedAt = Date.now();
    await guest((request, answer) => {
      asked.push(`${request.method} ${request.url}`);
      answer.end(JSON.stringify({ monotonicMs: Date.now() - startedAt, realtimeMs: 1 }));
    });
    const { offsetMs, uncertaintyMs } = await prepare(client);
    expect(asked).toEqual([`POST ${url}`]);
    expect(Math.abs(offsetMs - startedAt)).toBeLessThan(uncertaintyMs + 1000);
  });

  it("idle connections are closed, but for the one that the request takes, and the next request opens a new one", async () => {
    const held: ServerResponse[] = [];
    await guest((request, answer) => {
      if (request.url === "/health") answer.end('{"version":"1.2.3"}');
      else held.push(answer);
    });
    const open = new Set<Socket>();
    let connections = 0;
    server.on("connection", (socket) => {
      connections++;
      open.add(socket);
      socket.once("close", () => open.delete(socket));
    });
    await Promise.all([client.health(5000), client.health(5000), client.health(5000)]);
    const prepared = client.prepare(5000);
    await vi.waitUntil(() => held.length === 1 && open.size === 1);
    expect(connections).toBe(3);
    held[0]?.setHeader("connection", "close").end('{"monotonicMs":1,"realtimeMs":1}');
    await prepared;
    await client.health(5000);
    expect(connections).toBe(4);
  });
});

describe("exec", () => {
  it("refuses a message that is announced with a gigabyte", async () => {
    await guest((_request, answer) => {
      answer.writeHead(200, { "content-type": "application/connect+proto" });
      answer.write(Buffer.from([0, 0x40, 0, 0, 0]));
    });
    await expect(collect()).rejects.toThrow();
  });

  it("refuses messages that are no messages", async () => {
    await guest((_request, answer) => {
      answer.writeHead(200, { "content-type": "application/connect+proto" });
      answer.end(Buffer.from([0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff]));
    });
    await expect(collect()).rejects.toThrow();
  });

  it("notices a stream that ends before the command", async () => {
    await guest(
      connectNodeAdapter({
        routes: (router) =>
          router.service(Process, {
            async *start() {
              yield { event: { event: { case: "start", value: { pid: 7 } } } };
            },
          }),
      }),
    );
    await expect(collect()).rejects.toMatchObject({ code: "guest_unreachable" });
  });

  /** An agent whose command ends only when it is killed. */
  async function killable(): Promise<Signal[]> {
    const signals: Signal[] = [];
    const killed = Promise.withResolvers<void>();
    await guest(
      connectNodeAdapter({
        routes: (router) =>
          router.service(Process, {
            async *start() {
              yield { event: { event: { case: "start", value: { pid: 7 } } } };
              await killed.promise;
              yield {
                event: {
                  event: { case: "end", value: { exitCode: -1, exited: false, status: "signal: killed", signal: 9 } },
                },
              };
            },
            sendSignal({ signal }) {
              signals.push(signal);
              killed.resolve();
              return {};
            },
          }),
      }),
    );
    return signals;
  }

  it("kills a command whose time is over, and says so", async () => {
    const signals = await killable();
    const events = await collect(1);
    expect(events.at(-1)).toEqual({ kind: "end", exitCode: -1, signal: 9, error: "", timedOut: true });
    expect(signals).toEqual([Signal.SIGKILL]);
  });

  /** An agent with a command that ends with its stdin. */
  async function reading(): Promise<{ started: unknown[]; received: Uint8Array[] }> {
    const seen = { started: [] as unknown[], received: [] as Uint8Array[] };
    const closed = Promise.withResolvers<void>();
    await guest(
      connectNodeAdapter({
        routes: (router) =>
          router.service(Process, {
            async *start({ stdin, tag }) {
              seen.started.push({ stdin, tag });
              yield { event: { event: { case: "start", value: { pid: 7 } } } };
              if (stdin) await closed.promise;
              yield {
                event: { event: { case: "end", value: { exitCode: 0, exited: true, status: "exit status 0" } } },
              };
            },
            sendInput({ input }) {
              if (input?.input.case === "stdin") seen.received.push(input.input.value);
              return {};
            },
            closeStdin() {
              closed.resolve();
              return {};
            },
          }),
      }),
    );
    return seen;
  }

  it("feeds a command all that it shall read, in order, and ends it", async () => {
    const seen = await reading();
    const stdin = Buffer.from(Array.from({ length: 700_000 }, (_, index) => index % 251));
    const events = await run({ ...command, stdin, tag: "name" });
    expect(events.at(-1)).toMatchObject({ kind: "end", exitCode: 0 });
    expect(seen.started).toEqual([{ stdin: true, tag: "name" }]);
    expect(seen.received.length).toBeGreaterThan(1);
    expect(Buffer.concat(seen.received).equals(stdin)).toBe(true);
  });

  it("ends the stdin of a command that shall read nothing, and gives none to one that was not meant to have any", async () => {
    const seen = await reading();
    await run({ ...command, stdin: new Uint8Array() });
    await run(command);
    expect(seen.started).toEqual([
      { stdin: true, tag: undefined },
      { stdin: false, tag: undefined },
    ]);
    expect(seen.received).toEqual([]);
  });

  it("kills a command whose caller has left", async () => {
    const signals = await killable();
    const caller = new AbortController();
    const running = collect(0, caller.signal);
    setImmediate(() => caller.abort());
    await running.catch(() => {});
    expect(signals).toContain(Signal.SIGKILL);
  });
});
