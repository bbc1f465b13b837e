import type { AddressInfo } from "node:net";
import webSockets from "@fastify/websocket";
import { WrennError } from "@wrenn/protocol/errors";
import { type FastifyInstance, fastify } from "fastify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { WebSocket as ServerSocket } from "ws";
import { z } from "zod";
import { Random } from "../../testing/random.ts";
import { Relay } from "../../testing/relay.ts";
import { StreamClient } from "../../testing/stream-client.ts";
import { until } from "../../testing/until.ts";
import { ClientSocket } from "./socket.ts";

const schema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("a"), n: z.number() }),
  z.object({ type: z.literal("b") }),
]);

const BIG = "x".repeat(64 * 1024);

describe("the server's side of a WebSocket", () => {
  let app: FastifyInstance;
  let serve: (client: ClientSocket, socket: ServerSocket) => Promise<unknown>;
  let served: Promise<unknown>;

  beforeEach(async () => {
    app = fastify();
    await app.register(webSockets, { errorHandler: () => {}, options: { maxPayload: 1024 * 1024 } });
    app.get("/", { websocket: true }, (socket) => {
      const client = new ClientSocket(socket);
      served = serve(client, socket).finally(() => void client.close());
      served.catch(() => {});
    });
    await app.listen({ host: "127.0.0.1", port: 0 });
  });
  afterEach(async () => {
    for (const client of app.websocketServer.clients) client.terminate();
    await app.close();
  });

  const port = () => (app.server.address() as AddressInfo).port;
  const open = (at = port()) => new StreamClient(`http://127.0.0.1:${at}/`).opened();

  async function readAll(client: ClientSocket): Promise<unknown[]> {
    const seen: unknown[] = [];
    for await (const message of client.messages(schema)) seen.push(message);
    return seen;
  }

  it("receives messages in order, without those of a type it does not know", async () => {
    serve = readAll;
    const client = await open();
    await client.send({ type: "b", more: 1 }, { type: "later", n: 1 }, { type: "a", n: 1 });
    client.close();
    expect(await until(() => served)).toEqual([{ type: "b" }, { type: "a", n: 1 }]);
  });

  it("receives all that a client sent before it left", async () => {
    serve = readAll;
    const client = await open();
    await client.send(...Array.from({ length: 1000 }, (_, n) => ({ type: "a", n })));
    client.close();
    expect(await until(() => served)).toEqual(Array.from({ length: 1000 }, (_, n) => ({ type: "a", n })));
  });

  it.each([
    ["{", "a message is not JSON"],
    ["null", /^the message: /],
    ["[]", /^type: |^the message: /],
    ['{"type":"later"}', /^type: /],
    ['{"type":"a","n":"1"}', /^n: /],
  ])("refuses %s as the first message", async (text, message) => {
    serve = (client) => client.first(schema);
    const client = await open();
    await client.send(text);
    await expect(served).rejects.toMatchObject({ code: "invalid_request", message: expect.stringMatching(message) });
    expect(await client.end()).toBe(1000);
  });

  it("asks the client's side whether it is there", async () => {
    serve = async (client, socket) => {
      const answered = new Promise((resolve) => socket.once("pong", resolve));
      client.ping({ type: "ping" });
      await answered;
    };
    const client = await open();
    expect(await client.end()).toBe(1000);
    expect(client.messages).toEqual([{ type: "ping" }]);
  });

  it("refuses binary frames", async () => {
    serve = readAll;
    const client = await open();
    client.socket.send(Uint8Array.of(1, 2));
    await expect(until(() => served)).rejects.toMatchObject({ code: "invalid_request" });
    expect(await client.end()).toBe(1000);
  });

  it("ends a connection whose message is larger than any may be", async () => {
    serve = readAll;
    const client = await open();
    await client.send(JSON.stringify({ type: "a", n: 1, more: "x".repeat(2 * 1024 * 1024) }));
    expect(await client.end()).toBe(1009);
    expect(await until(() => served)).toEqual([]);
  });

  it("waits for a client that does not read, keeps little for it, and loses nothing", async () => {
    const total = 400;
    let sent = 0;
    let most = 0;
    serve = async (client, socket) => {
      for (; sent < total; sent++) {
        await client.send({ type: "data", n: sent, data: BIG });
        most = Math.max(most, socket.bufferedAmount);
      }
    };
    await using relay = await Relay.start(port());
    const client = await open(relay.port);
    relay.hold();
    let before = -1;
    await until(() => sent > 0 && before === (before = sent));
    expect(sent).toBeLessThan(total);
    relay.release();
    expect(await client.end()).toBe(1000);
    expect(client.messages.map((message) => (message as { n?: number }).n)).toEqual([...Array(total).keys()]);
    expect(most).toBeLessThan(1024 * 1024);
  });

  it("stops a client that is faster than the server reads", async () => {
    const go = Promise.withResolvers<void>();
    let server: ServerSocket | undefined;
    serve = async (client, socket) => {
      server = socket;
      await go.promise;
      return readAll(client);
    };
    const client = await open();
    const message = JSON.stringify({ type: "a", n: 7, more: BIG });
    for (let n = 0; n < 1000; n++) client.socket.send(message);
    await until(() => server?.isPaused);
    // Far more is still with the client than the sockets between hold.
    expect(client.socket.bufferedAmount).toBeGreaterThan(16 * 1024 * 1024);
    go.resolve();
    await until(() => client.socket.bufferedAmount === 0);
    client.close();
    expect(await until(() => served)).toHaveLength(1000);
  });

  it("is over at once for who is refused, also while they do not read: what they sent is dropped", async () => {
    const why = new WrennError("unauthorized", "revoked");
    let sent = 0;
    let refuse = () => {};
    serve = async (client) => {
      refuse = () => client.refuse(why);
      const told = async () => {
        for (;;) {
          await client.send({ type: "data", data: BIG });
          sent++;
        }
      };
      await told().catch(() => {});
      return readAll(client);
    };
    await using relay = await Relay.start(port());
    const client = await open(relay.port);
    await client.send({ type: "b" });
    relay.hold();
    let before = -1;
    await until(() => sent > 0 && before === (before = sent));
    refuse();
    await until(() => app.websocketServer.clients.size === 0);
    await expect(served).rejects.toBe(why);
  });

  it("understands or refuses whatever a client sends", async () => {
    const random = new Random();
    const text = () => random.pick(["a", "type", "b", "n", "\0", "\ufffd", "😀", "__proto__", '"', "\\"]);
    const value = (depth = 0): unknown =>
      random.pick([
        () => null,
        () => random.below(2 ** 31) - 5,
        () => text(),
        () => Array.from({ length: random.below(3) }, () => (depth < 3 ? value(depth + 1) : 0)),
        () => ({ type: random.pick(["a", "b", "c", 1, null]), n: random.pick([1, "1", 1e99]), [text()]: text() }),
      ])();
    serve = readAll;
    for (let round = 0; round < 100; round++) {
      const client = await open();
      const frames = Array.from({ length: random.below(5) }, () => JSON.stringify(value()).slice(0, random.below(60)));
      for (const frame of frames) client.socket.send(frame);
      client.close();
      const outcome = await served.catch((error: unknown) => error);
      const about = `seed ${random.seed}: ${JSON.stringify(frames)}`;
      if (outcome instanceof Error) expect(outcome, about).toMatchObject({ code: "invalid_request" });
      else expect(outcome, about).toBeInstanceOf(Array);
    }
  });
});
