import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AgentFixture, startAgent } from "../testing/agent-fixture.ts";

const MIB = 1024 * 1024;

let fixture: AgentFixture;
beforeEach(async () => {
  fixture = await startAgent();
});
afterEach(() => fixture[Symbol.asyncDispose]());

/** Prepares with this much in the page cache, and says whether it was dropped. */
async function prepare(cachedBytes: number, query = ""): Promise<boolean> {
  fixture.kernel.cachedBytes = cachedBytes;
  fixture.kernelCalls.length = 0;
  const response = await fetch(`${fixture.url}/snapshot/prepare${query}`, { method: "POST" });
  expect(await response.json()).toEqual({ monotonicMs: expect.any(Number), realtimeMs: expect.any(Number) });
  expect(response.headers.get("connection")).toBe("close");
  expect(fixture.kernelCalls[0]).toBe("sync");
  return fixture.kernelCalls.includes("drop page cache");
}

const prepareTemplate = (cachedBytes: number) => prepare(cachedBytes, "?page_cache=keep");

describe("the page cache", () => {
  it("stays in a template", async () => {
    expect(await prepareTemplate(500 * MIB)).toBe(false);
  });

  it("is dropped when a machine has read much since its template", async () => {
    await prepareTemplate(50 * MIB);
    expect(await prepare(67 * MIB)).toBe(true);
  });

  it("stays when most of it is the template's", async () => {
    await prepareTemplate(50 * MIB);
    expect(await prepare(66 * MIB)).toBe(false);
    expect(await prepare(40 * MIB)).toBe(false);
  });

  it("is dropped when many pauses have each added a little", async () => {
    await prepareTemplate(50 * MIB);
    expect(await prepare(60 * MIB)).toBe(false);
    expect(await prepare(70 * MIB)).toBe(true);
  });

  it("that is new after it was dropped counts from then on", async () => {
    await prepareTemplate(50 * MIB);
    await prepare(100 * MIB);
    expect(await prepare(17 * MIB)).toBe(true);
    expect(await prepare(16 * MIB)).toBe(false);
  });

  it("is all new in a machine that came from no snapshot", async () => {
    expect(await prepare(17 * MIB)).toBe(true);
  });
});

it("closes the connections that wait for a request", async () => {
  const { hostname, port } = new URL(fixture.url);
  const idle = connect(Number(port), hostname);
  idle.write("GET /health HTTP/1.1\r\nhost: capsule\r\n\r\n");
  await once(idle, "data");
  const closed = once(idle, "close");
  await prepare(0);
  await closed;
});
