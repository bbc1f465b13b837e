/** The guest is hostile: whatever stands in the agent's place, the host gets an error soon and keeps its memory. */
import { once } from "node:events";
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { Process } from "@wrenn/protocol/gen/process_pb";
import { GUEST_PORT } from "@wrenn/protocol/guest-http";
import { afterEach, describe, expect, it, vi } from "vitest";
import { GuestClient } from "./client.ts";
import { exec } from "./exec.ts";

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

const run = () => exec(client, { cmd: "x", args: [], timeoutMs: 10_000 });

describe("a message", () => {
  it("keeps nothing of fields that nobody knows, which would take far more memory than bytes", async () => {
    // Field 15, empty, ten thousand times, in one envelope.
    const unknown = Buffer.alloc(20_000, Uint8Array.from([0x7a, 0x00]));
    const head = Buffer.from([0, 0, 0, unknown.length >> 8, unknown.length & 0xff]);
    await guest((_request, answer) => {
      answer.writeHead(200, { "content-type": "application/connect+proto" }).end(Buffer.concat([head, unknown]));
    });
    const { value } = await client.process.start({})[Symbol.asyncIterator]().next();
    expect(value).not.toHaveProperty("$unknown");
  });
});

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

describe("the metrics", () => {
  it("are the memory that the guest uses", async () => {
    await guest((request, answer) => answer.end(request.url === "/metrics" ? '{"mem_used":1234.5,"ts":1}' : ""));
    expect(await client.metrics(5000)).toEqual({ mem_used: 1234.5 });
  });

  it.each(["null", "[]", '{"mem_used":"1"}', '{"mem_used":-1}', '{"mem_used":1e300}', "no JSON"])(
    "are not %s",
    async (text) => {
      await guest((_request, answer) => answer.end(text));
      await expect(client.metrics(5000)).rejects.toMatchObject({ code: "agent_error" });
    },
  );
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
    await expect(run()).rejects.toThrow();
  });

  it("refuses messages that are no messages", async () => {
    await guest((_request, answer) => {
      answer.writeHead(200, { "content-type": "application/connect+proto" });
      answer.end(Buffer.from([0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff]));
    });
    await expect(run()).rejects.toThrow();
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
    await expect(run()).rejects.toMatchObject({ code: "guest_unreachable" });
  });

  it("gives up on a command that never ends", async () => {
    await guest(() => {});
    await expect(exec(client, { cmd: "x", args: [], timeoutMs: 200 })).rejects.toThrow("deadline");
  });
});
