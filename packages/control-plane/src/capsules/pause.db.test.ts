import { WrennError } from "@wrenn/protocol/errors";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { TestPlatform } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";

describe.each(ENGINES)("pause and resume on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());
  afterEach(() => platform.clear());

  const pause = (id: string, init?: RequestInit) => platform.act(id, "pause", undefined, init);
  const resume = (id: string, body?: object) => platform.act(id, "resume", body);
  const statuses = (answers: { status: number }[]) => answers.map(({ status }) => status).toSorted((a, b) => a - b);
  const refused = (code: string, message: string) => ({ body: { error: { code, message } } });

  it("keep the capsule, say why and how long, and begin a new life", async () => {
    const created = await platform.createCapsule({ timeout_sec: 60 });
    const paused = await pause(created.id);
    expect(paused.status).toBe(200);
    expect(paused.body).toMatchObject({ id: created.id, status: "paused", pause_reason: "request" });
    expect(paused.body.paused_at).toMatch(/Z$/);
    expect(paused.body).not.toHaveProperty("host_ip");
    expect(Object.keys(paused.body.timings ?? {})).toEqual(["begin", "write", "total"]);
    expect((await platform.listCapsules()).map(({ status }) => status)).toEqual(["paused"]);

    const resumed = await resume(created.id);
    expect(resumed).toMatchObject({ status: 200, body: { status: "running", host_ip: "10.11.0.2", timeout_sec: 60 } });
    expect(resumed.body).not.toHaveProperty("paused_at");
    expect(Object.keys(resumed.body.timings ?? {})).toEqual(["place", "vmm_start", "guest_init", "total"]);
    expect(platform.host.resumed.at(-1)?.timeoutSec).toBeUndefined();
    expect((await platform.rowOf(created.id)).incarnation).toBe(2);
  });

  it("take a new idle time, and an empty body of either kind", async () => {
    const { id } = await platform.createCapsule({ timeout_sec: 60 });
    await pause(id);
    expect((await resume(id, { timeout_sec: 5 })).body.timeout_sec).toBe(5);
    expect(platform.host.resumed.at(-1)?.timeoutSec).toBe(5);
    await pause(id);
    const headers = { "content-type": "application/json" };
    expect((await platform.act(id, "resume", undefined, { headers, body: "" })).status).toBe(200);
    expect((await resume(id, { timeout_sec: -1 })).status).toBe(400);
  });

  it("are refused in any other state", async () => {
    const { id } = await platform.createCapsule();
    expect(await resume(id)).toMatchObject({ status: 409, ...refused("invalid_state", "capsule is not paused") });
    await pause(id);
    expect(await pause(id)).toMatchObject({ status: 409, ...refused("invalid_state", "capsule is not running") });
    for (const [action, body] of [
      ["ping", undefined],
      ["exec", { cmd: "echo" }],
    ] as const) {
      const answer = await platform.act(id, action, body);
      expect(answer, action).toMatchObject({ status: 409, ...refused("invalid_state", "capsule is not running") });
    }
    await platform.destroyCapsule(id);
    expect((await resume(id)).status).toBe(409);
    expect((await pause(id)).status).toBe(409);
  });

  it("are won by one of two who ask at the same time", async () => {
    const { id } = await platform.createCapsule();
    const held = platform.host.holdAt("pause.before");
    const pauses = Promise.all([pause(id), pause(id)]);
    await held.reached;
    held.release();
    expect(statuses(await pauses)).toEqual([200, 409]);
    const resumes = await Promise.all([resume(id), resume(id), resume(id)]);
    expect(statuses(resumes)).toEqual([200, 409, 409]);
    expect(platform.host.statusOf(id)).toBe("running");
  });

  it.each([
    ["pause", "release"],
    ["pause", "fail"],
    ["resume", "release"],
    ["resume", "fail"],
  ] as const)("give way to a destroy at the same moment: %s, whose host then %ss it", async (action, end) => {
    const { id } = await platform.createCapsule();
    if (action === "resume") await pause(id);
    const held = platform.host.holdAt(`${action}.before`);
    const asked = platform.act(id, action);
    await held.reached;
    const destroyed = platform.request("DELETE", `/v1/capsules/${id}`);
    await until(async () => (await platform.rowOf(id)).state === "stopping");
    held[end]();
    expect(await asked).toMatchObject({
      status: 409,
      ...refused("invalid_state", "the capsule was destroyed meanwhile"),
    });
    expect((await destroyed).status).toBe(204);
    expect((await platform.getCapsule(id)).status).toBe("stopped");
    expect(platform.host.machines.size).toBe(0);
  });

  it("end as they would when the client leaves", async () => {
    const { id } = await platform.createCapsule();
    const held = platform.host.holdAt("pause.before");
    const leave = new AbortController();
    const answer = pause(id, { signal: leave.signal });
    await held.reached;
    leave.abort();
    await expect(answer).rejects.toThrow();
    expect((await platform.getCapsule(id)).status).toBe("running");
    held.release();
    await platform.waitForCapsule(id, ({ status }) => status === "paused");
  });

  it("leave what was when the host cannot do it", async () => {
    const { id } = await platform.createCapsule();
    platform.host.failAt("pause.before", new WrennError("disk_full", "no space for the memory"));
    expect(await pause(id)).toMatchObject({ status: 507, ...refused("disk_full", "no space for the memory") });
    expect((await platform.getCapsule(id)).status).toBe("running");
    platform.host.reset();
    await pause(id);
    platform.host.failAt("resume.before", new WrennError("snapshot_corrupt", "memory.diff is damaged"));
    expect((await resume(id)).status).toBe(502);
    expect(await platform.getCapsule(id)).toMatchObject({ status: "paused", pause_reason: "request" });
    platform.host.reset();
    expect((await resume(id)).status).toBe(200);
  });

  it("end the capsule when the host lost it over the attempt", async () => {
    const { id } = await platform.createCapsule();
    platform.host.at("pause.before", () => {
      platform.host.change(id, { status: "error", endReason: "crash", endMessage: "the VMM died" });
      throw new WrennError("vmm_failed", "the VMM does not answer");
    });
    expect((await pause(id)).status).toBe(502);
    expect(await platform.getCapsule(id)).toMatchObject({ status: "error", end_message: "the VMM died" });
    expect(platform.host.machines.has(id)).toBe(false);
  });

  it.each([
    ["pause.before", "running"],
    ["pause.after", "paused"],
    ["resume.before", "paused"],
    ["resume.after", "running"],
  ] as const)("are what the host says when it comes back from dying at %s", async (point, status) => {
    const { id } = await platform.createCapsule();
    const action = point.startsWith("pause") ? "pause" : "resume";
    if (action === "resume") await pause(id);
    const held = platform.host.holdAt(point);
    const answer = platform.act(id, action);
    await held.reached;
    await platform.host.kill();
    held.fail();
    expect(await answer).toMatchObject({ status: 503, body: { error: { code: "host_unavailable" } } });
    await platform.host.listen();
    await until(async () => (await platform.rowOf(id)).state === status);
    expect(platform.host.statusOf(id)).toBe(status);
  });

  it("give their memory back and need it again", async () => {
    await platform.restartHost(() => (platform.host.memoryMb = 512));
    const first = await platform.createCapsule();
    await pause(first.id);
    const [second, third] = [await platform.createCapsule(), await platform.createCapsule()];
    const message = "512 MiB of memory are needed, and 0 MiB are left on the only host that can do this";
    expect(await resume(first.id)).toMatchObject({ status: 503, ...refused("no_hosts_available", message) });
    expect((await platform.getCapsule(first.id)).status).toBe("paused");
    await platform.destroyCapsule(second.id);
    expect((await resume(first.id)).status).toBe(200);
    for (const { id } of [first, third]) await platform.destroyCapsule(id);
    await platform.restartHost(() => (platform.host.memoryMb = 16_384));
  });

  it("of one whose host does not answer are refused at once and leave it paused", async () => {
    const { id } = await platform.createCapsule();
    await pause(id);
    await platform.host.kill();
    await platform.waitForHost("unreachable");
    expect(await resume(id)).toMatchObject({ status: 503, body: { error: { code: "host_unavailable" } } });
    expect((await platform.getCapsule(id)).status).toBe("paused");
    await platform.host.listen();
    await platform.waitForHost("online");
  });

  it("happen by the host itself when a capsule is idle, and the row follows", async () => {
    const { id } = await platform.createCapsule({ timeout_sec: 1 });
    platform.host.idle(id);
    const paused = await platform.waitForCapsule(id, ({ status }) => status === "paused");
    expect(paused).toMatchObject({ pause_reason: "idle", paused_at: expect.stringMatching(/Z$/) });
    expect((await resume(id)).status).toBe(200);
  });

  it("are put off by a ping", async () => {
    const { id } = await platform.createCapsule();
    expect((await platform.act(id, "ping")).status).toBe(204);
    expect(platform.host.pinged).toContain(id);
  });
});
