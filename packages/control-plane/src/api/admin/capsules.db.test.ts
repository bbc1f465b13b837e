import type { Capsule } from "@wrenn/protocol/rest/capsules";
import type { Template } from "@wrenn/protocol/rest/snapshots";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { as } from "../../testing/as.ts";
import { TestPlatform, type TestUser } from "../../testing/platform.ts";
import { ENGINES } from "../../testing/postgres.ts";
import { StreamClient } from "../../testing/stream-client.ts";

describe.each(ENGINES)("the platform's own capsules on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let root: TestUser;
  let user: TestUser;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    root = await platform.signIn({ isAdmin: true });
    user = await platform.signIn();
  });
  afterAll(() => platform[Symbol.asyncDispose]());

  const create = async (body: object, who = root, path = "/v1/admin/capsules") => {
    const answer = await as<Capsule>(platform, who, "POST", path, body);
    expect(answer.status, JSON.stringify(answer.body)).toBe(201);
    return answer.body.id;
  };
  const offer = (id: string, name: string) =>
    as<Template>(platform, root, "POST", `/v1/admin/capsules/${id}/snapshot`, { name });
  const templates = async (who: TestUser) =>
    (await as<Template[]>(platform, who, "GET", "/v1/snapshots?type=snapshot")).body;

  it("are those of the local key, for administrators whatever their team", async () => {
    const id = await create({ memory_mb: 192 });
    const theirs = await create({ memory_mb: 192 }, root, "/v1/capsules");
    const { body: list } = await as<Capsule[]>(platform, root, "GET", "/v1/admin/capsules");
    expect(list).toEqual(await platform.listCapsules());
    expect(list.map((one) => one.id)).toContain(id);
    expect((await as(platform, root, "GET", `/v1/admin/capsules/${theirs}`)).status).toBe(404);
    const ran = await as(platform, root, "POST", `/v1/admin/capsules/${id}/exec`, { cmd: "echo", args: ["x"] });
    expect(ran.body).toMatchObject({ sandbox_id: id, stdout: "x\n" });
  });

  it("have streams", async () => {
    const id = await create({ memory_mb: 192 });
    type Message = { type: "exit"; exit_code: number } | { type: "error"; code: string };
    const client = new StreamClient<Message>(`${platform.url}/v1/admin/capsules/${id}/exec/stream`);
    await client.send({ type: "auth", token: root.headers.authorization.replace(/^Bearer /, "") });
    await client.send({ type: "start", cmd: "true" });
    expect(await client.next("exit")).toMatchObject({ exit_code: 0 });
    await client.end();
  });

  it("become templates that all teams start from, and that only administrators remove", async () => {
    const { status, body } = await offer(await create({ memory_mb: 256 }), "base-tools");
    expect({ status, ...body }).toMatchObject({ status: 201, name: "base-tools", platform: true, memory_mb: 256 });
    expect((await templates(user)).map(({ name, platform: shared }) => [name, shared])).toEqual([["base-tools", true]]);

    const id = await create({ template: "base-tools" }, user, "/v1/capsules");
    const named = await as(platform, user, "POST", "/v1/snapshots", { sandbox_id: id, name: "base-tools" });
    expect(named).toMatchObject({ status: 409, body: { error: { code: "name_reserved" } } });
    expect((await as(platform, user, "DELETE", "/v1/snapshots/base-tools")).status).toBe(403);

    await as(platform, user, "DELETE", `/v1/capsules/${id}`);
    expect((await as(platform, root, "DELETE", "/v1/admin/templates/base-tools")).status).toBe(204);
    expect(await templates(user)).toEqual([]);
  });

  it("keep for themselves what is only saved", async () => {
    const id = await create({ memory_mb: 192 });
    await platform.post("/v1/snapshots", { sandbox_id: id, name: "private" });
    expect(await templates(user)).toEqual([]);
    expect((await as(platform, user, "POST", "/v1/capsules", { template: "private" })).status).toBe(404);
    expect(await offer(id, "private")).toMatchObject({ status: 409, body: { error: { code: "template_name_taken" } } });
    expect((await platform.request("DELETE", "/v1/snapshots/private")).status).toBe(204);
    expect(platform.host.snapshots.size).toBe(0);
  });

  it("replace the template of the same name once nobody uses it, and end then", async () => {
    await offer(await create({ memory_mb: 192 }), "tools");
    const using = await create({ template: "tools" }, user, "/v1/capsules");
    const next = await create({ memory_mb: 320 });
    const refused = await offer(next, "tools");
    expect(refused).toMatchObject({ status: 409, body: { error: { code: "snapshot_in_use" } } });
    expect((await platform.getCapsule(next)).status).toBe("running");
    expect(await templates(user)).toMatchObject([{ name: "tools", memory_mb: 192 }]);

    await as(platform, user, "DELETE", `/v1/capsules/${using}`);
    expect((await offer(next, "tools")).status).toBe(201);
    expect(await templates(user)).toMatchObject([{ name: "tools", memory_mb: 320 }]);
    expect((await platform.getCapsule(next)).status).toBe("stopped");
    expect(platform.host.snapshots.size).toBe(1);
  });
});
