import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { WrennError } from "@wrenn/protocol/errors";
import { SnapshotInfoSchema } from "@wrenn/protocol/gen/hostagent_pb";
import type { Template } from "@wrenn/protocol/rest/snapshots";
import { eq } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { apiKeys, type SnapshotRow, snapshots, teams } from "../db/schema.ts";
import { newApiKey, storeApiKey } from "../identity/api-keys.ts";
import { type Failure, TestPlatform } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";

describe.each(ENGINES)("snapshots on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());
  afterEach(() => platform.clear());

  const save = (id: string, body: object = {}, init?: RequestInit) =>
    platform.post<Template & Failure>("/v1/snapshots", { sandbox_id: id, ...body }, init);
  const list = async (query = "", init?: RequestInit) =>
    (await platform.request<Template[]>("GET", `/v1/snapshots${query}`, init)).body;
  const names = async (query = "") => (await list(query)).map(({ name }) => name);
  const remove = (name: string) => platform.request<Failure>("DELETE", `/v1/snapshots/${name}`);
  const rowOf = async (name: string): Promise<SnapshotRow | undefined> =>
    (await platform.db.queries.select().from(snapshots).where(eq(snapshots.name, name)))[0];

  it("are made while the capsule goes on, and listed newest first with the base templates", async () => {
    const { id } = await platform.createCapsule({ vcpus: 2, memory_mb: 256 });
    const saved = await save(id, { name: "mine" });
    const expected = { name: "mine", type: "snapshot", vcpus: 2, memory_mb: 256, disk_size_mb: 5120 };
    expect(saved).toMatchObject({ status: 201, body: { ...expected, size_bytes: 8192, platform: false } });
    expect((await platform.getCapsule(id)).status).toBe("running");
    expect(platform.host.statusOf(id)).toBe("running");
    const auto = await save(id);
    expect(auto.body.name).toMatch(/^template-[0-9a-f]{8}$/);
    expect(await names()).toEqual([auto.body.name, "mine", "minimal"]);
    expect(await names("?type=snapshot")).toEqual([auto.body.name, "mine"]);
    expect(await list("?type=base")).toEqual([
      { name: "minimal", type: "base", size_bytes: 0, created_at: expect.any(String), platform: true },
    ]);
    expect((await platform.request("GET", "/v1/snapshots?type=other")).status).toBe(400);
  });

  it("leave the capsule paused when that is asked for, or when it was", async () => {
    const { id } = await platform.createCapsule();
    expect((await save(id, { pause: true })).status).toBe(201);
    expect(await platform.getCapsule(id)).toMatchObject({ status: "paused", pause_reason: "request" });
    expect((await save(id)).status).toBe(201);
    expect((await platform.getCapsule(id)).status).toBe("paused");
    expect((await platform.act(id, "resume")).status).toBe(200);
  });

  it("decide the shape of what is created from them", async () => {
    const source = await platform.createCapsule({ vcpus: 2, memory_mb: 256, disk_size_mb: 6000 });
    await save(source.id, { name: "mine" });
    const copy = await platform.createCapsule({ template: "mine", vcpus: 8, memory_mb: 1024 });
    expect(copy).toMatchObject({ template: "mine", vcpus: 2, memory_mb: 256, disk_size_mb: 6000 });
    const snapshotId = (await rowOf("mine"))?.id;
    const asked = { snapshotId, templateId: snapshotId, template: "minimal", vcpus: 2, memoryMb: 256 };
    expect(platform.host.created.at(-1)).toMatchObject({ ...asked, diskSizeMb: 6000 });
    const larger = await platform.createCapsule({ template: "mine", disk_size_mb: 7000 });
    expect(larger.disk_size_mb).toBe(7000);
    expect(platform.host.created.at(-1)?.diskSizeMb).toBe(7000);
    await platform.restartHost(() => (platform.host.memoryMb = 400));
    const refused = await platform.post<Failure>("/v1/capsules", { template: "mine" });
    expect(refused).toMatchObject({ status: 503, body: { error: { code: "no_hosts_available" } } });
    await platform.restartHost(() => (platform.host.memoryMb = 16_384));
  });

  it("of a capsule that came from a snapshot descend from the same base template", async () => {
    const first = await platform.createCapsule();
    await save(first.id, { name: "first" });
    const second = await platform.createCapsule({ template: "first" });
    await save(second.id, { name: "second" });
    expect((await rowOf("second"))?.template).toBe("minimal");
  });

  it.each([
    ["", 400, "invalid_request"],
    ["../etc", 400, "invalid_request"],
    ["a b", 400, "invalid_request"],
    ["minimal", 409, "name_reserved"],
    ["python", 409, "name_reserved"],
    ["taken", 409, "template_name_taken"],
  ])("are not made under the name %j", async (name, status, code) => {
    await platform.restartHost(() => (platform.host.templates = ["minimal", "python"]));
    const { id } = await platform.createCapsule();
    await save(id, { name: "taken" });
    expect(await save(id, { name })).toMatchObject({ status, body: { error: { code } } });
    expect(platform.host.snapshots.size).toBe(1);
  });

  it("of one name are made by one of two who ask at the same time", async () => {
    const [one, other] = [await platform.createCapsule(), await platform.createCapsule()];
    const answers = await Promise.all([save(one.id, { name: "mine" }), save(other.id, { name: "mine" })]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409]);
    expect(platform.host.snapshots.size).toBe(1);
  });

  it("are deleted only when nothing that came from them is left", async () => {
    const source = await platform.createCapsule();
    await save(source.id, { name: "mine" });
    const copy = await platform.createCapsule({ template: "mine" });
    await platform.act(copy.id, "fork");
    await platform.destroyCapsule(source.id);
    const inUse = (message: string) => ({ status: 409, body: { error: { code: "snapshot_in_use", message } } });
    expect(await remove("mine")).toMatchObject(inUse('snapshot "mine" is used by 2 capsules that have not ended'));
    await platform.destroyCapsule(copy.id);
    const [fork] = await platform.listCapsules();
    await platform.act(fork?.id ?? "", "pause");
    expect(await remove("mine")).toMatchObject(inUse('snapshot "mine" is used by 1 capsule that has not ended'));
    await platform.destroyCapsule(fork?.id ?? "");
    expect((await remove("mine")).status).toBe(204);
    expect(platform.host.snapshots.size).toBe(0);
    expect((await platform.getCapsule(copy.id)).template).toBe("mine");
    expect(await platform.post("/v1/capsules", { template: "mine" })).toMatchObject({ status: 404 });
  });

  it("are not deleted under a capsule that starts from them at the same moment", async () => {
    const source = await platform.createCapsule();
    await save(source.id, { name: "mine" });
    const [made, removed] = await Promise.all([
      platform.post<Failure>("/v1/capsules", { template: "mine" }),
      remove("mine"),
    ]);
    expect([
      [201, 409],
      [404, 204],
    ]).toContainEqual([made.status, removed.status]);
  });

  it("of the platform and of nobody are not deleted", async () => {
    expect(await remove("minimal")).toMatchObject({ status: 403, body: { error: { code: "forbidden" } } });
    expect(await remove("nothing")).toMatchObject({
      status: 404,
      body: { error: { code: "not_found", message: 'snapshot "nothing" does not exist' } },
    });
  });

  it("belong to one team", async () => {
    const source = await platform.createCapsule();
    await save(source.id, { name: "mine" });
    const [teamId, key] = [randomUUID(), newApiKey()];
    await platform.db.queries.insert(teams).values({ id: teamId, name: "Other", slug: "cccccc-dddddd" });
    await storeApiKey(platform.db, teamId, "other", key);
    const init = { headers: { "x-api-key": key } };
    expect((await list("", init)).map(({ name }) => name)).not.toContain("mine");
    expect((await platform.request("DELETE", "/v1/snapshots/mine", init)).status).toBe(404);
    expect((await platform.post("/v1/capsules", { template: "mine" }, init)).status).toBe(404);
    expect((await save(source.id, {}, init)).status).toBe(404);
    await platform.db.queries.delete(apiKeys).where(eq(apiKeys.teamId, teamId));
  });

  it("leave nothing and free their name when the host cannot make them", async () => {
    const { id } = await platform.createCapsule();
    platform.host.failAt("snapshot.before", new WrennError("disk_full", "no space"));
    for (const pause of [false, true]) {
      expect(await save(id, { name: "mine", pause })).toMatchObject({ status: 507 });
      expect((await platform.getCapsule(id)).status).toBe("running");
    }
    expect(await rowOf("mine")).toBeUndefined();
    platform.host.reset();
    expect((await save(id, { name: "mine" })).status).toBe(201);
  });

  it("are made when the client leaves", async () => {
    const { id } = await platform.createCapsule();
    const held = platform.host.holdAt("snapshot.before");
    const leave = new AbortController();
    const answer = save(id, { name: "mine" }, { signal: leave.signal });
    await held.reached;
    expect(await remove("mine")).toMatchObject({ status: 409, body: { error: { code: "invalid_state" } } });
    leave.abort();
    await expect(answer).rejects.toThrow();
    held.release();
    await until(async () => (await names()).includes("mine"));
  });

  it("are made of a capsule that is destroyed meanwhile", async () => {
    const { id } = await platform.createCapsule();
    const held = platform.host.holdAt("snapshot.after");
    const saving = save(id, { name: "mine", pause: true });
    await held.reached;
    const destroyed = platform.request("DELETE", `/v1/capsules/${id}`);
    await until(async () => (await platform.rowOf(id)).state === "stopping");
    held.release();
    expect((await saving).status).toBe(201);
    expect((await destroyed).status).toBe(204);
    expect((await platform.createCapsule({ template: "mine" })).status).toBe("running");
  });

  it.each([
    ["snapshot.before", false],
    ["snapshot.after", true],
  ] as const)("are what the host has when it comes back from dying at %s", async (point, there) => {
    const { id } = await platform.createCapsule();
    const held = platform.host.holdAt(point);
    const saving = save(id, { name: "mine" });
    await held.reached;
    await platform.host.kill();
    held.fail();
    expect((await saving).status).toBe(503);
    expect((await rowOf("mine"))?.state).toBe("creating");
    await platform.host.listen();
    await until(async () => (await rowOf("mine"))?.state === (there ? "ready" : undefined));
    if (there) expect((await list()).find(({ name }) => name === "mine")?.size_bytes).toBe(8192);
  });

  it("are deleted in the end when the host did not answer", async () => {
    const { id } = await platform.createCapsule();
    await save(id, { name: "mine" });
    await platform.host.kill();
    expect(await remove("mine")).toMatchObject({ status: 503, body: { error: { code: "host_unavailable" } } });
    expect(await names("?type=snapshot")).toEqual([]);
    await platform.host.listen();
    await until(async () => (await rowOf("mine")) === undefined);
    expect(platform.host.snapshots.size).toBe(0);
  });

  it("that no row knows are kept: another database may", async () => {
    const unknown = randomUUID();
    platform.host.snapshots.set(unknown, create(SnapshotInfoSchema, { snapshotId: unknown }));
    platform.host.snapshots.set("odd", create(SnapshotInfoSchema, { snapshotId: "odd" }));
    await platform.restartHost();
    const { id } = await platform.createCapsule();
    await save(id, { name: "mine" });
    await remove("mine");
    expect([...platform.host.snapshots.keys()]).toEqual([unknown, "odd"]);
    platform.host.snapshots.clear();
  });
});
