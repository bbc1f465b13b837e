import { readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AgentFixture, startAgent } from "../testing/agent-fixture.ts";
import { run, shell } from "../testing/run.ts";

let fixture: AgentFixture;
beforeEach(async () => {
  fixture = await startAgent();
});
afterEach(() => fixture[Symbol.asyncDispose]());

function init(body: unknown): Promise<Response> {
  return fetch(`${fixture.url}/init`, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) });
}

const file = (path: string) => readFileSync(join(fixture.root, path), "utf8");

describe("POST /init", () => {
  it("sets the clock first, then entropy, then the host name", async () => {
    const response = await init({ hostname: "box-1", entropy: "AQID", timestampMs: 1_800_000_000_123.5 });
    expect(response.status).toBe(204);
    expect(fixture.kernelCalls).toEqual(["clock 1800000000123.5", "entropy 010203", "hostname box-1"]);
  });

  it("tells the programs of the capsule who it is", async () => {
    await init({ sandboxId: "cl-1", templateId: "minimal", generation: 3, machineId: "0af".padEnd(32, "7") });
    expect(file("run/wrenn/.WRENN_SANDBOX_ID")).toBe("cl-1");
    expect(file("run/wrenn/.WRENN_TEMPLATE_ID")).toBe("minimal");
    expect(file("run/wrenn/generation")).toBe("3");
    expect(file("run/wrenn/machine-id")).toBe(`${"0af".padEnd(32, "7")}\n`);
    const { stdout } = await run(fixture.client(), shell("echo $WRENN_SANDBOX $WRENN_SANDBOX_ID $WRENN_TEMPLATE_ID"));
    expect(stdout.toString()).toBe("true cl-1 minimal\n");
  });

  it("leaves alone what it is not told, and a host name that is right", async () => {
    writeFileSync(join(fixture.root, "run/wrenn/machine-id"), "own\n");
    await init({ timestampMs: 1, hostname: hostname() });
    expect(file("run/wrenn/machine-id")).toBe("own\n");
    expect(fixture.kernelCalls).toEqual(["clock 1"]);
  });

  it("replaces default variables and folder, and keeps what is not named", async () => {
    await init({ envVars: { A: "1" }, defaultWorkdir: "/usr" });
    await init({ envVars: { B: "2" } });
    const { stdout } = await run(fixture.client(), shell("echo [$A][$B] $PWD"));
    expect(stdout.toString()).toBe("[][2] /usr\n");
  });

  it.each([
    ["no JSON", "{"],
    ["an array", []],
    ["an empty body", ""],
    ["seconds as text", { timestampMs: "now" }],
    ["a clock of the year 50000", { timestampMs: 1.5e15 }],
    ["a host name with a slash", { hostname: "a/b" }],
    ["an id with a line break", { sandboxId: "a\nb" }],
    ["a machine id with a letter too many", { machineId: "g".repeat(32) }],
    ["entropy that is not base64", { entropy: "!!!!" }],
    ["a relative folder", { defaultWorkdir: "x" }],
    ["variables that are not text", { envVars: { A: 1 } }],
    ["a variable with = in its name", { envVars: { "A=B": "1" } }],
    ["a fraction of a restore", { generation: 1.5 }],
  ])("refuses %s and changes nothing", async (_what, body) => {
    const response = await init(
      typeof body === "string" || Array.isArray(body) ? body : { sandboxId: "cl-1", ...body },
    );
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ code: 400, message: expect.any(String) });
    expect(fixture.kernelCalls).toEqual([]);
    expect(fixture.agent.settings.sandboxId).toBe("");
  });

  it("refuses a body that is too large", async () => {
    const response = await init({ envVars: { A: "x".repeat(600 * 1024) } });
    expect(response.status).toBe(413);
  });
});

describe("the other routes", () => {
  it("answers /health with its version, never cached", async () => {
    const response = await fetch(`${fixture.url}/health`);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.json()).toEqual({ version: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
  });

  it.each([
    ["", ["sync", "drop page cache"]],
    ["?page_cache=keep", ["sync"]],
  ])("prepares for a snapshot and closes the connection (%s)", async (query, calls) => {
    const response = await fetch(`${fixture.url}/snapshot/prepare${query}`, { method: "POST" });
    expect(response.status).toBe(204);
    expect(response.headers.get("connection")).toBe("close");
    expect(fixture.kernelCalls).toEqual(calls);
  });

  it("answers unknown routes with JSON", async () => {
    const response = await fetch(`${fixture.url}/nothing?x=1`);
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({ code: 404, message: "no route GET /nothing" });
  });
});
