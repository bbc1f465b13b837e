import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Forwarder } from "./forwarder.ts";

const OUTSIDE = "127.0.0.99";
const HOST = "127.0.0.1";

let inside: Server;
let port = 0;
let forwarder: Forwarder;
let onInside: (socket: Socket) => void;
const sockets: Socket[] = [];

beforeEach(async () => {
  inside = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket.on("error", () => {}));
    onInside(socket);
  });
  inside.listen(0, "127.0.0.1");
  await once(inside, "listening");
  port = (inside.address() as AddressInfo).port;
  forwarder = new Forwarder({ port, address: OUTSIDE, target: "127.0.0.1", hostAddress: HOST });
  expect(await forwarder.listening).toBe(true);
});

afterEach(() => {
  forwarder.close();
  inside.close();
  for (const socket of sockets.splice(0)) socket.destroy();
});

async function open(localAddress = HOST): Promise<Socket> {
  const socket = connect({ host: OUTSIDE, port, localAddress, allowHalfOpen: true });
  sockets.push(socket);
  await once(socket, "connect");
  return socket;
}

describe("a forwarded connection", () => {
  it("carries bytes both ways", async () => {
    onInside = (socket) => socket.pipe(socket);
    const client = await open();
    const sent = Buffer.alloc(3 * 1024 * 1024, "abcdefg");
    client.end(sent);
    expect((await buffer(client)).equals(sent)).toBe(true);
  });

  it("goes on one way when the other is over", async () => {
    onInside = (socket) => {
      void buffer(socket).then((request) => socket.end(`read ${request.length} bytes to the end`));
    };
    const client = await open();
    client.end("question");
    expect(String(await buffer(client))).toBe("read 8 bytes to the end");
  });

  it("delivers all that was sent although the answer was over first", async () => {
    let received: Promise<Buffer> | undefined;
    onInside = (socket) => {
      socket.end("no");
      received = buffer(socket);
    };
    const client = await open();
    const answer = buffer(client);
    const sent = Buffer.alloc(2 * 1024 * 1024, 1);
    client.end(sent);
    expect(String(await answer)).toBe("no");
    expect((await received)?.length).toBe(sent.length);
  });

  it("takes no more from one side than the other reads", async () => {
    const server = Promise.withResolvers<Socket>();
    onInside = (socket) => server.resolve(socket.pause());
    const client = await open();
    const total = 64 * 1024 * 1024;
    let taken = 0;
    const pump = () => {
      if (taken === total) client.end();
      else client.write(Buffer.alloc(1024 * 1024), pump);
      taken += 1024 * 1024;
    };
    pump();
    const slow = await server.promise;
    let before = 0;
    await vi.waitUntil(
      () => {
        const stands = taken === before;
        before = taken;
        return stands;
      },
      { interval: 100, timeout: 10_000 },
    );
    expect(taken).toBeLessThan(total / 2);
    expect((await buffer(slow)).length).toBe(total);
  });

  it.each(["inside", "outside"])("breaks for both when it breaks %s", async (where) => {
    const server = Promise.withResolvers<Socket>();
    onInside = server.resolve;
    const client = await open();
    const ends = { inside: await server.promise, outside: client };
    const [broken, other] = where === "inside" ? [ends.inside, ends.outside] : [ends.outside, ends.inside];
    const failure = once(other, "error");
    other.resume();
    broken.resetAndDestroy();
    expect((await failure)[0]).toMatchObject({ code: "ECONNRESET" });
  });

  it("is reset when nobody listens inside any more", async () => {
    inside.close();
    const client = await open();
    client.resume();
    expect((await once(client, "error"))[0]).toMatchObject({ code: "ECONNRESET" });
  });
});

it("refuses whoever is not the host", async () => {
  const reached = vi.fn();
  onInside = reached;
  await expect(open("127.0.0.2").then(buffer)).rejects.toMatchObject({ code: "ECONNRESET" });
  expect(reached).not.toHaveBeenCalled();
});

it("gives its port back at once", async () => {
  forwarder.close();
  const next = createServer().listen(port, OUTSIDE);
  await once(next, "listening");
  next.close();
});

it("says when the port is taken", async () => {
  const second = new Forwarder({ port, address: OUTSIDE, target: "127.0.0.1", hostAddress: HOST });
  expect(await second.listening).toBe(false);
});
