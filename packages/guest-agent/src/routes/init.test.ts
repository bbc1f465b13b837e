import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";
import type { GuestClock } from "@wrenn/protocol/guest-http";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createAgent } from "../agent.ts";
import { monotonicMs } from "../system/clock.ts";
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

  it("sets the clock by the monotonic one rather than by a time that the message gives", async () => {
    const offset = 1_799_000_000_000;
    const earliest = monotonicMs() + offset;
    await init({ timestampMs: 1, clockOffsetMs: offset });
    const [call = "", ...others] = fixture.kernelCalls;
    expect(others).toEqual([]);
    const set = Number(/^clock (.+)$/.exec(call)?.[1]);
    expect(set).toBeGreaterThanOrEqual(earliest);
    expect(set).toBeLessThanOrEqual(monotonicMs() + offset);
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

  it("makes another capsule of it: what starts afterwards sees only the new ids", async () => {
    await init({ sandboxId: "cl-1", templateId: "minimal", generation: 1 });
    await init({ sandboxId: "cl-2", templateId: "own", generation: 7 });
    expect(file("run/wrenn/.WRENN_SANDBOX_ID")).toBe("cl-2");
    expect(file("run/wrenn/.WRENN_TEMPLATE_ID")).toBe("own");
    expect(file("run/wrenn/generation")).toBe("7");
    const { stdout } = await run(fixture.client(), shell("echo $WRENN_SANDBOX $WRENN_SANDBOX_ID $WRENN_TEMPLATE_ID"));
    expect(stdout.toString()).toBe("true cl-2 own\n");
  });

  it("is known to an agent that is started again, and to root alone", async () => {
    await init({ sandboxId: "cl-1", accessToken: "secret-of-this-one", envVars: { A: "1" }, generation: 2 });
    await init({ timestampMs: 1 });
    const next = createAgent({ root: fixture.root });
    next.processes.close();
    expect(next.settings).toEqual(fixture.agent.settings);
    expect(next.settings).toMatchObject({ sandboxId: "cl-1", accessToken: "secret-of-this-one", envVars: { A: "1" } });
    expect(statSync(join(fixture.root, "run/wrenn/agent-settings.json")).mode & 0o777).toBe(0o600);
  });

  it("begins anew when nothing that can be read was left", () => {
    writeFileSync(join(fixture.root, "run/wrenn/agent-settings.json"), '{"sandboxId":');
    const next = createAgent({ root: fixture.root });
    next.processes.close();
    expect(next.settings.accessToken).toBeUndefined();
  });

  it("grows the disk only when it is told to", async () => {
    await init({ growDisk: false });
    expect(fixture.kernelCalls).toEqual([]);
    await init({ growDisk: true });
    expect(fixture.kernelCalls).toEqual(["grow root disk"]);
  });

  it("says why the disk could not grow", async () => {
    fixture.kernel.growRootDisk = () => {
      throw new WrennError("internal_error", "the file system is full of errors");
    };
    const response = await init({ growDisk: true });
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ code: 500, message: "the file system is full of errors" });
  });

  it("brings a capsule back whose programs have broken what only describes it", async () => {
    for (const name of [".WRENN_SANDBOX_ID", "machine-id", "agent-settings.json"]) {
      rmSync(join(fixture.root, "run/wrenn", name), { force: true });
      mkdirSync(join(fixture.root, "run/wrenn", name));
    }
    const fail = () => {
      throw new Error("out of order");
    };
    Object.assign(fixture.kernel, { setHostname: fail, reserveRootDisk: fail });
    const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const response = await init({
      sandboxId: "cl-1",
      templateId: "minimal",
      machineId: "0".repeat(32),
      generation: 4,
      hostname: "box-1",
      diskFull: false,
      timestampMs: 1,
      entropy: "AQID",
      envVars: { A: "1" },
      growDisk: true,
    });
    expect([response.status, await response.text()]).toEqual([204, ""]);
    expect(fixture.kernelCalls).toEqual(["clock 1", "entropy 010203", "grow root disk"]);
    expect([file("run/wrenn/.WRENN_TEMPLATE_ID"), file("run/wrenn/generation")]).toEqual(["minimal", "4"]);
    for (const what of [".WRENN_SANDBOX_ID", "machine-id", "agent-settings.json", "out of order"])
      expect(said).toHaveBeenCalledWith(expect.stringContaining(what));
    said.mockRestore();
    const { stdout } = await run(fixture.client(), shell("echo $WRENN_SANDBOX_ID $A"));
    expect(stdout.toString()).toBe("cl-1 1\n");
  });

  it("tells the host when the disk still takes what there is no room for", async () => {
    fixture.kernel.reserveRootDisk = () => {
      throw new WrennError("internal_error", "no such knob");
    };
    expect((await init({ diskFull: true })).status).toBe(500);
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
    ["a clock offset in nanoseconds", { clockOffsetMs: 1.8e18 }],
    ["a clock offset without end", '{"sandboxId":"cl-1","clockOffsetMs":1e999}'],
    ["a clock offset of nothing", { clockOffsetMs: 0 }],
    ["a disk that grows by a number", { growDisk: 1 }],
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

describe("the connections that a restore brings along", () => {
  const FIRST = { sandboxId: "cl-1", generation: 1 };
  const resets = () => fixture.kernelCalls.filter((call) => call.startsWith("reset"));

  it.each([
    ["end with a resume", [FIRST, { ...FIRST, generation: 2 }], 1],
    ["end in a copy", [FIRST, { sandboxId: "cl-2", generation: 1 }], 1],
    ["are none in a capsule from a template", [{ generation: 0 }, FIRST], 0],
    ["stay when the same init comes again", [FIRST, FIRST], 0],
    ["stay when an init says nothing of a restore", [FIRST, { hostname: hostname() }], 0],
  ])("%s", async (_what, inits, times) => {
    for (const body of inits) await init(body);
    const { port } = new URL(fixture.url);
    expect(resets()).toEqual(Array.from({ length: times }, () => `reset connections except ${port}`));
  });

  it("end in the agent too: a client that is gone does not hold up a process", async () => {
    await init(FIRST);
    const gone = run(fixture.client(), shell("exec sleep 1000"));
    const lost = expect(gone).rejects.toThrow();
    await vi.waitUntil(() => fixture.agent.processes.list().length === 1);
    expect((await init({ ...FIRST, generation: 2 })).status).toBe(204);
    await lost;
    expect(fixture.agent.processes.list()).toHaveLength(1);
  });

  it("are no reason to fail where the kernel cannot end them", async () => {
    fixture.kernel.resetConnections = () => {
      throw new Error("no such module");
    };
    await init(FIRST);
    const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    expect((await init({ ...FIRST, generation: 2 })).status).toBe(204);
    expect(said).toHaveBeenCalledWith(expect.stringContaining("no such module"));
    said.mockRestore();
  });
});

describe("the other routes", () => {
  it("answers /health with the envd it is like and its own revision, never cached", async () => {
    const response = await fetch(`${fixture.url}/health`);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.json()).toEqual({ version: "0.6.13", revision: 2 });
  });

  it("answers /clock with both clocks of the machine", async () => {
    const earliest = { monotonicMs: monotonicMs(), realtimeMs: Date.now() };
    const clocks = (await (await fetch(`${fixture.url}/clock`)).json()) as GuestClock;
    expect(Object.keys(clocks)).toEqual(["monotonicMs", "realtimeMs"]);
    expect(clocks.monotonicMs).toBeGreaterThanOrEqual(earliest.monotonicMs);
    expect(clocks.monotonicMs).toBeLessThanOrEqual(monotonicMs());
    expect(clocks.realtimeMs).toBeGreaterThanOrEqual(earliest.realtimeMs);
    expect(clocks.realtimeMs).toBeLessThanOrEqual(Date.now());
  });

  it("answers unknown routes with JSON", async () => {
    const response = await fetch(`${fixture.url}/nothing?x=1`);
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({ code: 404, message: "no route GET /nothing" });
  });
});
