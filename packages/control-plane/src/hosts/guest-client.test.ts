import { once } from "node:events";
import { Agent, createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { EntryInfoSchema, ListDirResponseSchema } from "@wrenn/protocol/gen/filesystem_pb";
import { ErrorInfoSchema } from "@wrenn/protocol/gen/hostagent_pb";
import { ERROR_HEADER } from "@wrenn/protocol/guest-http";
import { newId } from "@wrenn/protocol/ids";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { GuestClient } from "./guest-client.ts";
import { guestError } from "./guest-errors.ts";

const MIB = 1024 * 1024;
const PROTO = { "content-type": "application/proto" };

let answer: RequestListener;
let server: Server;
let agent: Agent;
let guest: GuestClient;

beforeEach(async () => {
  server = createServer((request, response) => {
    request.resume();
    request.once("end", () => answer(request, response));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  agent = new Agent({ keepAlive: true });
  const { port } = server.address() as AddressInfo;
  guest = new GuestClient({ baseUrl: `http://127.0.0.1:${port}`, options: { agent } }, newId("capsule"));
});

afterEach(() => {
  vi.useRealTimers();
  agent.destroy();
  server.closeAllConnections();
  server.close();
});

const list = () => guest.filesystem.listDir({ path: "/" }).catch((error: unknown) => Promise.reject(guestError(error)));
const start = async () => {
  try {
    for await (const _ of guest.process.start({}));
  } catch (error) {
    throw guestError(error);
  }
};

/** A stream that only ends, as a guest ends it. */
function endWith(end: object): RequestListener {
  const json = Buffer.from(JSON.stringify(end));
  const head = Buffer.from([2, 0, 0, 0, 0]);
  head.writeUInt32BE(json.length, 1);
  return (_request, response) =>
    response.writeHead(200, { "content-type": "application/connect+proto" }).end(Buffer.concat([head, json]));
}

/** An error as the agent makes one, with any code of the registry. */
function errorWith(code: string, connectCode = "internal"): object {
  const value = Buffer.from(toBinary(ErrorInfoSchema, create(ErrorInfoSchema, { code, message: "said" })));
  const details = [{ type: ErrorInfoSchema.typeName, value: value.toString("base64").replaceAll("=", "") }];
  return { code: connectCode, message: "said", details };
}

describe("what a guest sends", () => {
  it.each([
    ["a list of a million files that are nothing", Buffer.alloc(2 * MIB, Buffer.from([0x0a, 0x00]))],
    ["a list that is too long", Buffer.alloc(33 * MIB, " ")],
  ])("is refused when it is %s", async (_what, body) => {
    answer = (_request, response) => response.writeHead(200, PROTO).end(body);
    await expect(list()).rejects.toMatchObject({ code: "agent_error" });
  });

  it("may be as long as the longest list of the agent", async () => {
    const entry = create(EntryInfoSchema, { name: "f".repeat(100), path: "/p".repeat(150), metadata: { a: "1" } });
    const entries = Array<typeof entry>(50_000).fill(entry);
    const body = toBinary(ListDirResponseSchema, create(ListDirResponseSchema, { entries }));
    answer = (_request, response) => response.writeHead(200, PROTO).end(body);
    expect((await list()).entries).toHaveLength(50_000);
  });

  it("keeps nothing of fields that nobody knows, which would take far more memory than bytes", async () => {
    answer = (_request, response) =>
      response.writeHead(200, PROTO).end(Buffer.alloc(MIB, Uint8Array.from([0x7a, 0x00])));
    expect(await guest.filesystem.stat({ path: "/" })).not.toHaveProperty("$unknown");
  });

  it("is refused from a mebibyte on when it is no list", async () => {
    answer = (_request, response) => response.writeHead(200, PROTO).end(Buffer.alloc(MIB + 1));
    await expect(guest.filesystem.stat({ path: "/" })).rejects.toThrow();
    answer = (_request, response) =>
      response.writeHead(404, { "content-type": "application/json" }).end(" ".repeat(MIB));
    await expect(list()).rejects.toMatchObject({ code: "agent_error" });
  });
});

describe("who speaks", () => {
  it("is the host, by the header of its answer", async () => {
    answer = (_request, response) => response.writeHead(409, { [ERROR_HEADER]: "invalid_state" }).end("{}");
    for (const call of [list, start]) {
      await expect(call()).rejects.toMatchObject({ code: "invalid_state", message: "capsule is not running" });
    }
  });

  it("is the guest, in whatever it hides the host's header", async () => {
    const headers = { "content-type": "application/json", [`trailer-${ERROR_HEADER}`]: "unauthorized" };
    answer = (_request, response) => response.writeHead(409, headers).end('{"code":"aborted","message":"x"}');
    await expect(list()).rejects.toMatchObject({ code: "agent_error" });
    const metadata = { [ERROR_HEADER]: ["invalid_state"] };
    answer = endWith({ error: { code: "aborted", message: "x" }, metadata });
    await expect(start()).rejects.toMatchObject({ code: "agent_error" });
  });

  it.each([
    ["not_found", "not_found"],
    ["disk_full", "disk_full"],
    ["insufficient_memory", "insufficient_memory"],
    ["invalid_state", "conflict"],
    ["unauthorized", "agent_error"],
    ["internal_error", "agent_error"],
    ["database_unavailable", "agent_error"],
    ["host_unavailable", "agent_error"],
    ["connection_lost", "agent_error"],
  ])("is the guest, whose %s means %s", async (said, code) => {
    answer = (_request, response) =>
      response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify(errorWith(said)));
    await expect(list()).rejects.toMatchObject({ code, message: expect.stringContaining("said") });
    answer = endWith({ error: errorWith(said) });
    await expect(start()).rejects.toMatchObject({ code });
  });

  it("is the guest, also when it says that the host is away", async () => {
    answer = (_request, response) => response.writeHead(503).end();
    await expect(list()).rejects.toMatchObject({ code: "agent_error" });
    answer = endWith({ error: { code: "unavailable", message: "x" } });
    await expect(start()).rejects.toMatchObject({ code: "agent_error" });
  });

  it("is nobody when there is no host", async () => {
    server.closeAllConnections();
    server.close();
    for (const call of [list, start]) await expect(call()).rejects.toMatchObject({ code: "host_unavailable" });
  });
});

describe("a guest that never answers", () => {
  const asked = async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    answer = () => resolve();
    await promise;
  };

  it.each([
    ["a signal", () => guest.process.sendSignal({})],
    ["a size", () => guest.process.update({})],
    ["a list of processes", () => guest.process.list({})],
  ])("is waited for 30 s, for %s", async (_what, call) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const arrived = asked();
    let outcome: unknown;
    const ended = call().then(
      () => (outcome = "answered"),
      (error: unknown) => (outcome = guestError(error)),
    );
    await arrived;
    vi.advanceTimersByTime(29_999);
    await new Promise(setImmediate);
    expect(outcome).toBeUndefined();
    vi.advanceTimersByTime(1);
    await ended;
    expect(outcome).toMatchObject({
      code: "guest_unreachable",
      message: expect.stringContaining("did not answer within 30 s"),
    });
  });

  it("is waited for as long as its client waits, for work in its files", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const arrived = asked();
    const leave = new AbortController();
    const left = expect(guest.filesystem.remove({ path: "/x" }, { signal: leave.signal })).rejects.toThrow("abort");
    await arrived;
    vi.advanceTimersByTime(3_600_000);
    await new Promise(setImmediate);
    leave.abort();
    await left;
  });
});
