import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { fromConnectError } from "@wrenn/protocol/connect-errors";
import { WrennError } from "@wrenn/protocol/errors";
import { Process, Signal, StartRequestSchema } from "@wrenn/protocol/gen/process_pb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRouter } from "../http/router.ts";
import { decodeRequest, selectCodec } from "./codec.ts";
import { type Implementation, serviceRoutes } from "./service.ts";

const implementation: Implementation<typeof Process> = {
  list: async () => ({ processes: [{ pid: 7, tag: "ä", config: { cmd: "x", envs: { A: "1" } } }] }),
  sendSignal(request) {
    if (request.signal === Signal.SIGKILL) throw new WrennError("not_found", "no such process: ü");
    throw new Error("secret text of the inside");
  },
  start(request, stream) {
    const cmd = request.process?.cmd;
    stream.send({ event: { event: { case: "start", value: { pid: 1 } } } });
    if (cmd === "fail") throw new WrennError("disk_full", "half way");
    if (cmd === "fail later") return Promise.reject(new WrennError("conflict", "later"));
    const value = new Uint8Array(request.process?.args.length ?? 0).fill(0xff);
    stream.finish({ event: { event: { case: "data", value: { output: { case: "stdout", value } } } } });
    return undefined;
  },
};

const server = createServer(createRouter(new Map(serviceRoutes(Process, implementation))));
let url = "";

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function client(format: string) {
  return createClient(
    Process,
    createConnectTransport({ httpVersion: "1.1", baseUrl: url, useBinaryFormat: format === "binary" }),
  );
}

async function failure(call: Promise<unknown>): Promise<ConnectError> {
  return ConnectError.from(
    await call.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
}

async function all<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const message of messages) list.push(message);
  return list;
}

function post(method: string, type: string, body: NonNullable<RequestInit["body"]>): Promise<Response> {
  return fetch(`${url}/process.Process/${method}`, { method: "POST", headers: { "content-type": type }, body });
}

describe.each(["binary", "json"])("the real client in %s", (format) => {
  const started = (cmd: string, args: string[] = []) => all(client(format).start({ process: { cmd, args } }));

  it("calls a unary method", async () => {
    const { processes } = await client(format).list({});
    expect(processes[0]).toMatchObject({ pid: 7, tag: "ä", config: { cmd: "x", envs: { A: "1" } } });
  });

  it("reads a stream to its end", async () => {
    const events = await started("x", ["a", "b"]);
    expect(events.map(({ event }) => event?.event.case)).toEqual(["start", "data"]);
    expect(events[1]?.event?.event.value).toMatchObject({ output: { value: Uint8Array.of(0xff, 0xff) } });
  });

  it("gets errors with their code and registry code", async () => {
    const error = await failure(client(format).sendSignal({ signal: Signal.SIGKILL }));
    expect(error.code).toBe(Code.NotFound);
    expect(error.rawMessage).toBe("no such process: ü");
    expect(fromConnectError(error, "guest").code).toBe("not_found");
  });

  it("gets errors in the middle of a stream", async () => {
    for (const [cmd, code] of [
      ["fail", "disk_full"],
      ["fail later", "conflict"],
    ] as const) {
      expect(fromConnectError(await failure(started(cmd)), "guest").code).toBe(code);
    }
  });

  it("learns nothing of internal errors", async () => {
    const error = await failure(client(format).sendSignal({ signal: Signal.SIGTERM }));
    expect(error.code).toBe(Code.Internal);
    expect(error.message).not.toContain("secret");
  });

  it("is told what is not implemented, in every kind of method", async () => {
    const { update, connect, streamInput } = client(format);
    const input = (async function* () {})();
    for (const call of [update({}), all(connect({})), streamInput(input)]) {
      expect((await failure(call)).code).toBe(Code.Unimplemented);
    }
  });
});

describe("bad requests", () => {
  it("refuses a message that is none", async () => {
    const response = await post("List", "application/proto", Uint8Array.of(0xff, 0xff));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "invalid_argument" });
    expect((await post("List", "application/json", "{")).status).toBe(400);
    const stream = await post("Start", "application/connect+json", "not an envelope");
    expect(await stream.text()).toContain('"code":"invalid_argument"');
  });

  it("accepts JSON with a charset and unknown fields", async () => {
    expect((await post("List", "application/json; charset=utf-8", '{"future":1}')).status).toBe(200);
  });

  it("refuses other content types and other methods", async () => {
    expect((await post("List", "application/grpc", "")).status).toBe(415);
    expect((await post("Start", "application/json", "{}")).status).toBe(415);
    expect((await post("Nothing", "application/json", "{}")).status).toBe(404);
    expect((await fetch(`${url}/process.Process/List`)).status).toBe(404);
  });

  it("takes what nobody knows for nothing, and refuses more elements than a process can be given", async () => {
    // Each of these would be hundreds of bytes of memory: an unknown field, an argument, a variable.
    const filled = (...bytes: number[]) => Buffer.alloc(4 * 1024 * 1024, Uint8Array.from(bytes));
    const before = process.memoryUsage().heapUsed;
    expect((await post("List", "application/proto", filled(0x78, 0x00))).status).toBe(200);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * 1024 * 1024);
    // The first field of a request is the process, whose second is an argument.
    const request = Buffer.concat([Uint8Array.from([0x0a, 0xc0, 0x9a, 0x0c]), filled(0x12, 0x00).subarray(0, 200_000)]);
    const decode = () => decodeRequest(selectCodec("application/proto", "unary"), StartRequestSchema, request);
    expect(decode).toThrow("too many elements");
    expect((await post("List", "application/json", "{}")).status).toBe(200);
  });

  it("refuses a body of more than 4 MiB and goes on", async () => {
    const large = new Uint8Array(5 * 1024 * 1024);
    const response = await post("List", "application/proto", large).catch(() => undefined);
    if (response !== undefined) expect(response.status).toBe(413);
    expect((await post("List", "application/json", "{}")).status).toBe(200);
  });
});
