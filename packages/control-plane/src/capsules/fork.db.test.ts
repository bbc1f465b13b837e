import { WrennError } from "@wrenn/protocol/errors";
import { idFromUuid } from "@wrenn/protocol/ids";
import type { ForkResult } from "@wrenn/protocol/rest/capsules";
import { eq } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type CapsuleRow, capsules } from "../db/schema.ts";
import { type Failure, TestPlatform } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";

describe.each(ENGINES)("fork on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());
  afterEach(() => platform.clear());

  const fork = (id: string, body?: object, init?: RequestInit) =>
    platform.act<ForkResult & Failure>(id, "fork", body, init);

  async function copiesOf(id: string): Promise<CapsuleRow[]> {
    const source = await platform.rowOf(id);
    return platform.db.queries.select().from(capsules).where(eq(capsules.forkedFrom, source.id));
  }

  it.each(["running", "paused"] as const)("starts copies of a capsule that is %s and leaves it so", async (status) => {
    const source = await platform.createCapsule({ vcpus: 2, memory_mb: 256, timeout_sec: 60, auto_resume: true });
    if (status === "paused") await platform.act(source.id, "pause");
    const { status: code, body } = await fork(source.id, { count: 3 });
    expect(code).toBe(201);
    expect(body.capsules).toHaveLength(3);
    const same = { vcpus: 2, memory_mb: 256, timeout_sec: 60, auto_resume: true, template: "minimal" };
    for (const copy of body.capsules) {
      expect(copy).toMatchObject({ ...same, status: "running", forked_from: source.id, host_ip: "10.11.0.4" });
      expect(platform.host.statusOf(copy.id)).toBe("running");
    }
    expect(Object.keys(body.timings)).toEqual(["place", "write", "total"]);
    expect((await platform.getCapsule(source.id)).status).toBe(status);
  });

  it("makes one copy unless told otherwise, with an idle time of its own", async () => {
    const { id } = await platform.createCapsule({ timeout_sec: 60 });
    expect((await fork(id)).body.capsules).toHaveLength(1);
    expect((await fork(id, { timeout_sec: 0 })).body.capsules[0]?.timeout_sec).toBe(0);
    expect(await fork(id, { count: 65 })).toMatchObject({
      status: 400,
      body: { error: { message: "count must be at most 64" } },
    });
  });

  it("makes none when its host fails", async () => {
    const source = await platform.createCapsule();
    platform.host.failAt("fork.before", new WrennError("disk_full", "no space"));
    expect(await fork(source.id, { count: 2 })).toMatchObject({ status: 507, body: { error: { code: "disk_full" } } });
    expect((await platform.listCapsules()).map(({ id }) => id)).toEqual([source.id]);
    const failed = await copiesOf(source.id);
    expect(failed).toHaveLength(2);
    for (const copy of failed) expect(copy).toMatchObject({ state: "error", endMessage: "no space" });
  });

  it("makes none when memory is left for some only", async () => {
    await platform.restartHost(() => (platform.host.memoryMb = 1024));
    const source = await platform.createCapsule();
    const refused = await fork(source.id, { count: 4 });
    expect(refused).toMatchObject({ status: 503, body: { error: { code: "no_hosts_available" } } });
    expect(await copiesOf(source.id)).toEqual([]);
    expect((await fork(source.id, { count: 3 })).status).toBe(201);
    await platform.restartHost(() => (platform.host.memoryMb = 16_384));
  });

  it("leaves none behind when its host dies over it", async () => {
    const source = await platform.createCapsule();
    const held = platform.host.holdAt("fork.after");
    const answer = fork(source.id, { count: 2 });
    await held.reached;
    await platform.host.kill();
    held.release();
    expect((await answer).status).toBe(503);
    expect(platform.host.machines.size).toBe(3);
    await platform.host.listen();
    await until(() => platform.host.machines.size === 1);
    expect(platform.host.statusOf(source.id)).toBe("running");
  });

  it("destroys all when one is destroyed while it starts", async () => {
    const source = await platform.createCapsule();
    const held = platform.host.holdAt("fork.before");
    const answer = fork(source.id, { count: 2 });
    await held.reached;
    const [first] = await copiesOf(source.id);
    await platform.destroyCapsule(idFromUuid("capsule", first?.id ?? ""));
    held.release();
    expect(await answer).toMatchObject({ status: 409, body: { error: { code: "invalid_state" } } });
    await until(() => platform.host.machines.size === 1);
    expect((await platform.listCapsules()).map(({ id }) => id)).toEqual([source.id]);
  });

  it("goes on when the client leaves", async () => {
    const source = await platform.createCapsule();
    const held = platform.host.holdAt("fork.before");
    const leave = new AbortController();
    const answer = fork(source.id, { count: 2 }, { signal: leave.signal });
    await held.reached;
    leave.abort();
    await expect(answer).rejects.toThrow();
    held.release();
    await until(async () => (await copiesOf(source.id)).every(({ state }) => state === "running"));
  });

  it("is refused in any other state", async () => {
    const source = await platform.createCapsule();
    await platform.destroyCapsule(source.id);
    expect(await fork(source.id)).toMatchObject({
      status: 409,
      body: { error: { code: "invalid_state", message: "capsule is neither running nor paused" } },
    });
  });
});
