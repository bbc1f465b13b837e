import { randomUUID } from "node:crypto";
import { idFromUuid } from "@wrenn/protocol/ids";
import type { AuditPage } from "@wrenn/protocol/rest/audit";
import type { Capsule } from "@wrenn/protocol/rest/capsules";
import { CHANNEL_EVENTS } from "@wrenn/protocol/rest/channels";
import type { Host, HostWithToken } from "@wrenn/protocol/rest/hosts";
import { and, eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startControlPlane } from "../control-plane.ts";
import { capsuleSpans, channels, deliveries } from "../db/schema.ts";
import { as } from "../testing/as.ts";
import { EnrolledHost } from "../testing/enrolled-host.ts";
import { TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES, silent } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";

describe.each(ENGINES)("capsules that nobody ends one by one, on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let admin: TestUser;
  let owner: TestUser;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    admin = await platform.signIn({ isAdmin: true });
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());
  beforeEach(async () => {
    await platform.clear();
    owner = await platform.signIn();
  });

  const by = <Body = unknown>(user: TestUser, method: string, path: string, body?: unknown) =>
    as<Body>(platform, user, method, path, body);
  const create = async (more: object = {}) => (await by<Capsule>(owner, "POST", "/v1/capsules", more)).body.id;
  const stateOf = async (id: string) => (await platform.rowOf(id)).state;
  const allStopped = (ids: string[]) =>
    until(async () => (await Promise.all(ids.map(stateOf))).every((state) => state === "stopped"));
  const setActive = (active: boolean) =>
    by(admin, "PUT", `/v1/admin/users/${idFromUuid("user", owner.id)}/active`, { active });

  /** What the log of the team has of the platform itself: action and resource. */
  const notes = async () => {
    const path = `/v1/admin/audit-logs?limit=200&team_id=${idFromUuid("team", owner.teamId)}`;
    const { items } = (await by<AuditPage>(admin, "GET", path)).body;
    return items
      .filter(({ actor_type }) => actor_type === "system")
      .map(({ resource_type, resource_id, action }) => `${resource_type} ${action} ${resource_id}`)
      .toSorted();
  };
  const destroys = (ids: string[]) => ids.map((id) => `sandbox destroy ${id}`).toSorted();

  /** Of all that is told the team from now on. */
  async function listen() {
    const [id, events] = [randomUUID(), [...CHANNEL_EVENTS]];
    const row = { id, teamId: owner.teamId, name: id, provider: "webhook", config: "", events } as const;
    await platform.db.queries.insert(channels).values(row);
    return async () => {
      const rows = await platform.db.queries.select().from(deliveries).where(eq(deliveries.channelId, id));
      const payloads = rows.map(({ payload }) => payload as { event: string; resource: { id: string }; actor: object });
      return payloads.map(({ event, resource, actor }) => ({ what: `${event} ${resource.id}`, actor }));
    };
  }

  it.each([
    ["their owner is locked out", () => setActive(false)],
    ["their team is deleted", () => by(owner, "DELETE", `/v1/teams/${idFromUuid("team", owner.teamId)}`)],
    ["the account of their owner is closed", () => by(owner, "DELETE", "/v1/me", { confirmation: owner.email })],
  ])("are in the log of their team, once each, when %s, with two control planes", async (_when, end) => {
    await using _other = await startControlPlane(platform.configOf(), silent);
    const ids = [await create(), await create()];
    await by(owner, "POST", `/v1/capsules/${ids[1]}/pause`);
    expect((await end()).status).toBe(204);
    await allStopped(ids);
    // Both have looked at the host once more.
    const before = platform.host.listed;
    platform.host.tellLate(ids[0] ?? "", "running");
    await until(() => platform.host.listed >= before + 2);
    expect((await notes()).filter((note) => note.startsWith("sandbox destroy"))).toEqual(destroys(ids));
  });

  it("are in it also when their host answers only later", async () => {
    const id = await create();
    await platform.host.kill();
    expect((await setActive(false)).status).toBe(204);
    await platform.host.listen();
    await allStopped([id]);
    expect(await notes()).toEqual(destroys([id]));
  });

  it("and those that their host paused are the platform's doing, whoever is the first to notice", async () => {
    const id = await create({ auto_resume: true });
    const told = await listen();
    const machine = platform.host.machines.get(id);
    if (machine === undefined) throw new Error("no machine");
    platform.host.machines.set(id, { ...machine, status: "paused", pauseReason: "idle" });
    await by(owner, "POST", `/v1/capsules/${id}/exec`, { cmd: "true" });
    expect(await told()).toContainEqual({ what: `capsule.paused ${id}`, actor: { type: "system" } });
    expect(await notes()).toEqual([`sandbox pause ${id}`]);
  });

  it("are told of, one by one, when their host is deleted with them", async () => {
    const [local] = (await by<Host[]>(admin, "GET", "/v1/hosts")).body;
    const entered = (await by<HostWithToken>(admin, "POST", "/v1/hosts", { type: "regular" })).body;
    await using agent = await EnrolledHost.start(platform.url, entered.registration_token);
    await until(async () => (await by<Host>(admin, "GET", `/v1/hosts/${entered.host.id}`)).body.status === "online");
    await by(admin, "PUT", `/v1/hosts/${local?.id}/drain`, { draining: true });
    const [running, paused, stopping] = [await create(), await create(), await create()];
    await by(owner, "POST", `/v1/capsules/${paused}/pause`);
    await by(owner, "POST", `/v1/capsules/${running}/checkpoints`, { name: "here" });
    expect((await by(owner, "POST", "/v1/snapshots", { sandbox_id: running, name: "kept" })).status).toBe(201);
    await by(admin, "PUT", `/v1/hosts/${local?.id}/drain`, { draining: false });
    await agent.fake.kill();
    expect((await by(owner, "DELETE", `/v1/capsules/${stopping}`)).status).toBe(503);
    const told = await listen();

    expect((await by(admin, "DELETE", `/v1/hosts/${entered.host.id}?force=true`)).status).toBe(204);

    const ids = [running, paused, stopping];
    const system = { type: "system" };
    const events = [...ids.map((id) => `capsule.destroyed ${id}`), "template.snapshot.deleted kept"];
    expect((await told()).toSorted((a, b) => (a.what < b.what ? -1 : 1))).toEqual(
      events.toSorted().map((what) => ({ what, actor: system })),
    );
    expect(await notes()).toEqual([...destroys(ids), "snapshot delete kept"]);
    for (const id of [running, paused]) {
      expect((await by<Capsule>(owner, "GET", `/v1/capsules/${id}`)).body).toMatchObject({
        status: "stopped",
        end_reason: "host_lost",
      });
    }
    expect(await platform.rowOf(stopping)).toMatchObject({ state: "stopped", endReason: "request" });
    const open = and(eq(capsuleSpans.teamId, owner.teamId), sql`${capsuleSpans.until} = 'infinity'`);
    expect(await platform.db.queries.$count(capsuleSpans, open)).toBe(0);
  });
});
