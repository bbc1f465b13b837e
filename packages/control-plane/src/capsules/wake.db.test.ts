import { WrennError } from "@wrenn/protocol/errors";
import type { ExecResult } from "@wrenn/protocol/rest/processes";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Failure, TestPlatform } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";

describe.each(ENGINES)("auto-resume on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());
  afterEach(() => platform.clear());

  const exec = (id: string, init?: RequestInit) =>
    platform.act<ExecResult & Failure>(id, "exec", { cmd: "echo", args: ["hi"] }, init);
  const many = (id: string) => Promise.all(Array.from({ length: 10 }, () => exec(id)));
  const sleeper = async () => (await platform.createCapsule({ auto_resume: true })).id;

  async function pausedSleeper(): Promise<string> {
    const id = await sleeper();
    await platform.act(id, "pause");
    platform.host.resumed.length = 0;
    return id;
  }

  it("wakes a paused capsule once for all who need it", async () => {
    const id = await pausedSleeper();
    const answers = await many(id);
    expect(answers.map(({ body }) => body.stdout)).toEqual(Array(10).fill("hi\n"));
    expect(platform.host.resumed).toHaveLength(1);
    expect((await platform.rowOf(id)).incarnation).toBe(2);
  });

  it("waits for a pause that goes on, and wakes it then", async () => {
    const id = await sleeper();
    platform.host.resumed.length = 0;
    const held = platform.host.holdAt("pause.before");
    const pausing = platform.act(id, "pause");
    await held.reached;
    const answers = many(id);
    await platform.listCapsules();
    held.release();
    expect((await pausing).status).toBe(200);
    expect((await answers).map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(platform.host.resumed).toHaveLength(1);
  });

  it("waits for a resume that goes on", async () => {
    const id = await pausedSleeper();
    const held = platform.host.holdAt("resume.before");
    const resuming = platform.act(id, "resume");
    await held.reached;
    const answers = many(id);
    held.release();
    expect((await resuming).status).toBe(200);
    expect((await answers).map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(platform.host.resumed).toHaveLength(1);
  });

  it("wakes one that its host paused a moment ago, before anybody here knew", async () => {
    const id = await sleeper();
    platform.host.resumed.length = 0;
    const machine = platform.host.machines.get(id);
    if (machine !== undefined) machine.status = "paused";
    expect((await exec(id)).status).toBe(200);
    expect(platform.host.resumed).toHaveLength(1);
  });

  it("says why a capsule cannot be woken, and leaves it paused", async () => {
    const id = await pausedSleeper();
    platform.host.failAt("resume.before", new WrennError("no_free_slot", "all 3 network slots are in use"));
    const answer = await exec(id);
    expect(answer).toMatchObject({ status: 503, body: { error: { reason: "no_free_slot" } } });
    expect((await platform.getCapsule(id)).status).toBe("paused");
  });

  it("goes on without the client that asked for it", async () => {
    const id = await pausedSleeper();
    const held = platform.host.holdAt("resume.before");
    const leave = new AbortController();
    const answer = exec(id, { signal: leave.signal });
    await held.reached;
    leave.abort();
    await expect(answer).rejects.toThrow();
    held.release();
    await platform.waitForCapsule(id, ({ status }) => status === "running");
  });

  it("holds nobody longer than its limit", async () => {
    await platform.stopControlPlane();
    await platform.startControlPlane({}, { wakeTimeoutMs: 1000 });
    const id = await pausedSleeper();
    const held = platform.host.holdAt("resume.before");
    expect((await exec(id)).body.error).toEqual({
      code: "host_unavailable",
      message: "the capsule did not wake within 1 s: try again in a moment",
    });
    held.release();
    await platform.waitForCapsule(id, ({ status }) => status === "running");
    await platform.stopControlPlane();
    await platform.startControlPlane();
  });

  it("is only for those who may use the capsule, and for capsules that ask for it", async () => {
    const id = await pausedSleeper();
    const stranger = await exec(id, { headers: { "x-api-key": "wrn_00000000000000000000000000000000" } });
    expect(stranger.status).toBe(401);
    const plain = await platform.createCapsule();
    await platform.act(plain.id, "pause");
    const refused = { status: 409, body: { error: { code: "invalid_state", message: "capsule is not running" } } };
    expect(await exec(plain.id)).toMatchObject(refused);
    expect(platform.host.resumed).toEqual([]);
    await platform.destroyCapsule(id);
    expect(await exec(id)).toMatchObject(refused);
  });
});
