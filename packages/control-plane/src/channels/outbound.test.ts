import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { Receiver } from "../testing/receiver.ts";
import { until } from "../testing/until.ts";
import { Outbound } from "./outbound.ts";

const message = (url: string) => ({ method: "POST", url, headers: { "x-one": "1" }, body: "hällo" }) as const;

describe("sending", () => {
  const receivers: Receiver[] = [];
  afterEach(async () => {
    for (const receiver of receivers.splice(0)) await receiver[Symbol.asyncDispose]();
  });
  const listen = async (answer?: Receiver["answer"]) => {
    const receiver = await Receiver.listen(answer);
    receivers.push(receiver);
    return receiver;
  };
  const loopback = new Outbound(["127.0.0.0/8"]);

  it("brings the request as it is, by address and by name", async () => {
    const receiver = await listen();
    await loopback.send(message(receiver.url));
    await loopback.send(message(`http://localhost:${receiver.port}/hook`));
    expect(receiver.requests).toHaveLength(2);
    for (const request of receiver.requests) {
      expect(request).toMatchObject({ method: "POST", path: "/hook", body: "hällo", headers: { "x-one": "1" } });
    }
  });

  it("connects to no address that is not public, however it is written", async () => {
    const receiver = await listen();
    const hosts = [
      "127.0.0.1",
      "127.1",
      "2130706433",
      "0x7f.0.0.1",
      "localhost",
      "0.0.0.0",
      "[::ffff:127.0.0.1]",
      "[::1]",
      "[::]",
    ];
    const outbound = new Outbound(["10.0.0.0/8"]);
    for (const host of hosts) {
      await expect(outbound.send(message(`http://${host}:${receiver.port}/`)), host).rejects.toMatchObject({
        code: "delivery_failed",
        message: expect.stringContaining("not on the public internet"),
      });
    }
    expect(receiver.requests).toEqual([]);
  });

  it("follows no redirect", async () => {
    const target = await listen();
    const receiver = await listen((response) => response.writeHead(302, { location: target.url }).end());
    await expect(loopback.send(message(receiver.url))).rejects.toThrow("the receiver answered 302");
    expect(target.requests).toEqual([]);
  });

  it("reads no answer to its end", async () => {
    const receiver = await listen((response) => {
      response.writeHead(200);
      const more = () => {
        while (response.write("x".repeat(65_536)));
        response.once("drain", more);
      };
      more();
    });
    await loopback.send(message(receiver.url));
    expect(receiver.requests).toHaveLength(1);
  });

  it("waits for no answer for ever", async () => {
    const receiver = await listen(() => {});
    const impatient = new Outbound(["127.0.0.0/8"], { timeoutMs: 200 });
    await expect(impatient.send(message(receiver.url))).rejects.toThrow("no answer within 0.2 s");
    expect(receiver.requests).toHaveLength(1);
  });

  it("lets names whose servers do not answer wait for nobody, and nobody for them", async () => {
    const server = createSocket("udp4");
    const asked = new Set<string>();
    // The question's name begins after the header, with the length of its first label.
    server.on("message", (query) => asked.add(query.subarray(13, 13 + (query[12] ?? 0)).toString()));
    server.bind(0, "127.0.0.1");
    await once(server, "listening");
    const dead = new Outbound([], { nameServers: [`127.0.0.1:${server.address().port}`] });
    const leave = new AbortController();
    const names = Array.from({ length: 12 }, (_, i) => `dead-${i}`);
    const sent = names.map((name) => dead.send(message(`http://${name}.example.com/`), leave.signal));
    const failed = Promise.allSettled(sent);
    await until(() => asked.size === names.length);
    leave.abort();
    await failed;
    server.close();
    for (const one of sent) await expect(one).rejects.toMatchObject({ code: "delivery_failed" });
  });

  it("says what was wrong, and nothing of the URL", async () => {
    const receiver = await listen((response) => void response.socket?.destroy());
    const url = `${receiver.url}/s3cret`;
    const hangsUp = await loopback.send(message(url)).catch((error: Error) => error.message);
    expect(hangsUp).toBe("the receiver cannot be reached (ECONNRESET)");
    const gone = `http://127.0.0.1:1/s3cret`;
    await expect(loopback.send(message(gone))).rejects.toThrow("the receiver cannot be reached (ECONNREFUSED)");
    const nameless = `http://no-such-host.invalid/s3cret`;
    await expect(loopback.send(message(nameless))).rejects.toThrow(/^the receiver cannot be reached \(E[A-Z_]+\)$/);
  });
});
