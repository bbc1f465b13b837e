import { WrennError } from "@wrenn/protocol/errors";
import type { Checkpoint } from "@wrenn/protocol/rest/snapshots";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { snapshots } from "../db/schema.ts";
import { type Failure, TestPlatform } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";

describe.each(ENGINES)("checkpoints on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());
  afterEach(() => platform.clear());

  const save = (id: string, name?: string) =>
    platform.act<Checkpoint & Failure>(id, "checkpoints", name === undefined ? undefined : { name });
  const list = async (id: string) =>
    (await platform.request<Checkpoint[]>("GET", `/v1/capsules/${id}/checkpoints`)).body.map(({ name }) => name);
  const remove = (id: string, name: string) =>
    platform.request<Failure>("DELETE", `/v1/capsules/${id}/checkpoints/${name}`);
  const rollback = (id: string, checkpoint: string) => platform.act(id, "rollback", { checkpoint });
  const rows = () => platform.db.queries.select().from(snapshots);

  it("are made, listed newest first, and deleted, while the capsule goes on", async () => {
    const { id } = await platform.createCapsule();
    const first = await save(id, "first");
    expect(first).toMatchObject({ status: 201, body: { sandbox_id: id, name: "first", size_bytes: 8192 } });
    expect(Object.keys(first.body.timings ?? {})).toEqual(["claim", "write", "total"]);
    const second = await save(id);
    expect(second.body.name).toMatch(/^checkpoint-[0-9a-f]{8}$/);
    expect(await list(id)).toEqual([second.body.name, "first"]);
    expect((await platform.getCapsule(id)).status).toBe("running");
    expect((await remove(id, "first")).status).toBe(204);
    expect(await list(id)).toEqual([second.body.name]);
    expect(platform.host.snapshots.size).toBe(1);
    expect(await remove(id, "first")).toMatchObject({
      status: 404,
      body: { error: { message: 'the capsule has no checkpoint "first"' } },
    });
  });

  it("have names of their capsule: another one, and a template, may have the same", async () => {
    const [one, other] = [await platform.createCapsule(), await platform.createCapsule()];
    expect((await save(one.id, "minimal")).status).toBe(201);
    expect((await save(other.id, "minimal")).status).toBe(201);
    expect(await save(one.id, "minimal")).toMatchObject({
      status: 409,
      body: { error: { code: "conflict", message: 'the capsule has a checkpoint "minimal" already' } },
    });
    expect((await save(one.id, "../x")).status).toBe(400);
  });

  it.each(["running", "paused"] as const)("bring back a capsule that is %s to a new life", async (status) => {
    const { id } = await platform.createCapsule();
    await save(id, "before");
    if (status === "paused") await platform.act(id, "pause");
    const back = await rollback(id, "before");
    expect(back).toMatchObject({ status: 200, body: { status: "running", host_ip: "10.11.0.3" } });
    expect(back.body).not.toHaveProperty("paused_at");
    expect(Object.keys(back.body.timings ?? {})).toEqual(["place", "vmm_start", "guest_init", "total"]);
    expect((await platform.rowOf(id)).incarnation).toBe(2);
    expect(await list(id)).toEqual(["before"]);
  });

  it.each(["running", "paused"] as const)("leave a capsule %s when the host cannot go back", async (status) => {
    const { id } = await platform.createCapsule();
    await save(id, "before");
    if (status === "paused") await platform.act(id, "pause");
    platform.host.failAt("rollback.before", new WrennError("snapshot_corrupt", "memory is damaged"));
    expect((await rollback(id, "before")).status).toBe(502);
    expect((await platform.getCapsule(id)).status).toBe(status);
  });

  it("are needed to go back, and so is a capsule that lives", async () => {
    const { id } = await platform.createCapsule();
    expect((await rollback(id, "never")).status).toBe(404);
    await save(id, "before");
    await platform.destroyCapsule(id);
    expect((await rollback(id, "before")).status).toBe(404);
    expect(await save(id)).toMatchObject({ status: 409, body: { error: { code: "invalid_state" } } });
  });

  it("lose against a destroy at the same moment", async () => {
    const { id } = await platform.createCapsule();
    await save(id, "before");
    const held = platform.host.holdAt("rollback.before");
    const back = rollback(id, "before");
    await held.reached;
    const destroyed = platform.request("DELETE", `/v1/capsules/${id}`);
    await until(async () => (await platform.rowOf(id)).state === "stopping");
    held.release();
    expect((await back).status).toBe(409);
    expect((await destroyed).status).toBe(204);
    expect(platform.host.machines.size).toBe(0);
  });

  it("go with their capsule, also one that is just being made", async () => {
    const { id } = await platform.createCapsule();
    await save(id, "old");
    const held = platform.host.holdAt("snapshot.before");
    const saving = save(id, "new");
    await held.reached;
    const destroyed = platform.request("DELETE", `/v1/capsules/${id}`);
    await until(async () => (await platform.rowOf(id)).state === "stopping");
    held.release();
    expect((await saving).status).toBe(409);
    expect((await destroyed).status).toBe(204);
    expect(platform.host.snapshots.size).toBe(0);
    expect(await rows()).toEqual([]);
  });

  it("that their host would not delete with the capsule are deleted when it does", async () => {
    const { id } = await platform.createCapsule();
    await save(id, "before");
    platform.host.failAt("snapshot.delete", new WrennError("agent_error", "not now"));
    await platform.destroyCapsule(id);
    expect(platform.host.snapshots.size).toBe(1);
    platform.host.reset();
    await platform.restartHost();
    await until(() => platform.host.snapshots.size === 0);
    await until(async () => (await rows()).length === 0);
  });

  it("of a capsule that ended by itself are deleted too", async () => {
    const { id } = await platform.createCapsule();
    await save(id, "before");
    platform.host.change(id, { status: "error", endReason: "crash", endMessage: "gone" });
    await platform.waitForCapsule(id, ({ status }) => status === "error");
    await platform.restartHost();
    await until(async () => platform.host.snapshots.size === 0 && (await rows()).length === 0);
  });
});
