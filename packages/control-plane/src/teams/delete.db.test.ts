import { randomUUID } from "node:crypto";
import { idFromUuid, idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import type { NewApiKey } from "@wrenn/protocol/rest/api-keys";
import type { Capsule } from "@wrenn/protocol/rest/capsules";
import type { OwnTeam } from "@wrenn/protocol/rest/teams";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { capsules, channels, memberships, snapshots, teams } from "../db/schema.ts";
import { as } from "../testing/as.ts";
import { TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";

describe.each(ENGINES)("the end of a team on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());
  beforeEach(() => platform.clear());

  const by = <Body = unknown>(user: TestUser, method: string, path: string, body?: unknown) =>
    as<Body>(platform, user, method, path, body);
  const remove = (user: TestUser) => by(user, "DELETE", `/v1/teams/${idFromUuid("team", user.teamId)}`);
  const create = async (user: TestUser) => (await by<Capsule>(user, "POST", "/v1/capsules", {})).body;
  const states = async (teamId: string) => {
    const rows = await platform.db.queries.select().from(capsules).where(eq(capsules.teamId, teamId));
    return [...new Set(rows.map(({ state }) => state))];
  };
  const noMachines = () => until(() => platform.host.machines.size === 0);

  it("is the end of its capsules, paused ones too, its snapshots, keys and channels, and of nobody else's", async () => {
    const owner = await platform.signIn();
    const member = await platform.signIn({ teamId: owner.teamId, role: "member" });
    const other = await platform.createCapsule();
    const [running, paused] = [await create(owner), await create(owner)];
    await by(owner, "POST", `/v1/capsules/${paused.id}/pause`);
    await by(owner, "POST", `/v1/capsules/${running.id}/checkpoints`, { name: "here" });
    expect((await by(owner, "POST", "/v1/snapshots", { sandbox_id: running.id, name: "kept" })).status).toBe(201);
    const started = (await by<Capsule>(owner, "POST", "/v1/capsules", { template: "kept" })).body;
    expect(started.status).toBe("running");
    const { key } = (await by<NewApiKey>(owner, "POST", "/v1/api-keys", {})).body;
    await platform.db.queries.insert(channels).values({
      id: randomUUID(),
      teamId: owner.teamId,
      name: "c",
      provider: "webhook",
      config: "",
      events: [],
    });

    expect((await remove(member)).status).toBe(403);
    expect((await remove(owner)).status).toBe(204);

    expect((await platform.request("GET", "/v1/capsules", { headers: { "x-api-key": key } })).status).toBe(401);
    for (const user of [owner, member]) {
      expect((await by(user, "GET", "/v1/capsules")).body.error.code).toBe("no_team");
      expect((await by<OwnTeam[]>(user, "GET", "/v1/teams")).body).toEqual([]);
    }
    await until(() => platform.host.machines.size === 1 && platform.host.snapshots.size === 0);
    await until(async () => (await states(owner.teamId)).join() === "stopped");
    const { queries } = platform.db;
    await until(async () => (await queries.select().from(snapshots)).length === 0);
    expect(await queries.select().from(channels)).toEqual([]);
    const [row] = await queries.select().from(teams).where(eq(teams.id, owner.teamId));
    expect(row?.deletedAt).toBeInstanceOf(Date);
    expect(await platform.getCapsule(other.id)).toMatchObject({ status: "running" });
  });

  it("comes for capsules of a host that does not answer when it answers again", async () => {
    const owner = await platform.signIn();
    await create(owner);
    await platform.host.kill();
    expect((await remove(owner)).status).toBe(204);
    expect(await states(owner.teamId)).toEqual(["stopping"]);
    expect(platform.host.machines.size).toBe(1);
    await platform.host.listen();
    await noMachines();
    await until(async () => (await states(owner.teamId)).join() === "stopped");
  });

  it("comes for a capsule that is just being created", async () => {
    const owner = await platform.signIn();
    const held = platform.host.holdAt("create.after");
    const creating = by(owner, "POST", "/v1/capsules", {});
    await held.reached;
    expect((await remove(owner)).status).toBe(204);
    held.release();
    expect((await creating).status).toBe(409);
    await noMachines();
    await until(async () => (await states(owner.teamId)).join() === "stopped");
  });

  it("comes for a snapshot that is just being made", async () => {
    const owner = await platform.signIn();
    const { id } = await create(owner);
    const held = platform.host.holdAt("snapshot.after");
    const saving = by(owner, "POST", "/v1/snapshots", { sandbox_id: id });
    await held.reached;
    const removing = remove(owner);
    expect((await removing).status).toBe(204);
    held.release();
    expect((await saving).status).toBeGreaterThanOrEqual(400);
    await until(() => platform.host.machines.size === 0 && platform.host.snapshots.size === 0);
    await until(async () => (await platform.db.queries.select().from(snapshots)).length === 0);
  });

  it("leaves nothing behind of those who create at the same time", async () => {
    const owner = await platform.signIn();
    const { key } = (await by<NewApiKey>(owner, "POST", "/v1/api-keys", {})).body;
    const headers = { "x-api-key": key };
    const creating = Array.from({ length: 20 }, () => platform.post("/v1/capsules", { memory_mb: 192 }, { headers }));
    const [gone, ...created] = await Promise.all([remove(owner), ...creating]);
    expect(gone?.status).toBe(204);
    expect(created.filter(({ status }) => status === 500)).toEqual([]);
    await noMachines();
    await until(async () => (await states(owner.teamId)).every((state) => state === "stopped" || state === "error"));
  });

  it("comes with the account of the only one in it, with its capsules and snapshots", async () => {
    const owner = await platform.signIn();
    const [running, paused] = [await create(owner), await create(owner)];
    await by(owner, "POST", `/v1/capsules/${paused.id}/pause`);
    expect((await by(owner, "POST", "/v1/snapshots", { sandbox_id: running.id })).status).toBe(201);
    const other = await platform.signIn();
    const theirs = await create(other);
    await platform.db.queries.insert(memberships).values({ teamId: other.teamId, userId: owner.id, role: "member" });

    expect((await by(owner, "DELETE", "/v1/me", { confirmation: owner.email })).status).toBe(204);

    await until(() => platform.host.machines.size === 1 && platform.host.snapshots.size === 0);
    await until(async () => (await states(owner.teamId)).join() === "stopped");
    await until(async () => (await platform.db.queries.select().from(snapshots)).length === 0);
    expect((await by<Capsule>(other, "GET", `/v1/capsules/${theirs.id}`)).body.status).toBe("running");
  });

  it("does not come for the platform's own", async () => {
    const owner = await platform.signIn({ teamId: idToUuid(PLATFORM_TEAM) });
    expect((await remove(owner)).status).toBe(403);
    expect((await platform.request("GET", "/v1/capsules")).status).toBe(200);
  });

  it("happens once, by who owns it then", async () => {
    const owner = await platform.signIn();
    const answers = await Promise.all([remove(owner), remove(owner), remove(owner)]);
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 204)).toHaveLength(1);
    expect(statuses.filter((status) => status === 403 || status === 404)).toHaveLength(2);
  });
});
