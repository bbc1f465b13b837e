import { randomUUID } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import { idFromUuid, idToUuid, newId, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import type { AuditPage } from "@wrenn/protocol/rest/audit";
import type { Capsule } from "@wrenn/protocol/rest/capsules";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startEmbeddedPostgres } from "../db/embedded.ts";
import { auditLogs } from "../db/schema.ts";
import { as } from "../testing/as.ts";
import { TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES, silent } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";
import { SYSTEM } from "./entry.ts";
import { AuditLog } from "./log.ts";

type Row = typeof auditLogs.$inferInsert;

describe.each(ENGINES)("the audit log on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());
  afterEach(() => platform.host.reset());

  const get = async (user: TestUser, query: Record<string, string> | [string, string][] = {}) =>
    (await as<AuditPage>(platform, user, "GET", `/v1/audit-logs?${new URLSearchParams(query)}`)).body;
  const row = (teamId: string, createdAt: Date, more: Partial<Row> = {}): Row => ({
    id: randomUUID(),
    teamId,
    scope: "team",
    actorType: "system",
    resourceType: "sandbox",
    action: "create",
    status: "success",
    createdAt,
    ...more,
  });
  const add = (rows: Row[]) => platform.db.queries.insert(auditLogs).values(rows);
  const ids = (rows: Row[]) => rows.map(({ id }) => idFromUuid("log", id));

  /** Every page, and what happens between two. */
  async function pages(user: TestUser, limit: number, between: () => Promise<unknown> = async () => {}) {
    const found: AuditPage["items"] = [];
    let page = await get(user, { limit: String(limit) });
    for (;;) {
      expect(page.items.length).toBeLessThanOrEqual(limit);
      found.push(...page.items);
      const { next_before: before, next_before_id: id } = page;
      if (before === undefined || id === undefined) return found.map((entry) => entry.id);
      await between();
      page = await get(user, { limit: String(limit), before, before_id: id });
    }
  }

  it("pages through many entries of the same milliseconds without skipping or repeating one", async () => {
    const user = await platform.signIn();
    const times = [0, 1, 2].map((ms) => new Date(1_700_000_000_000 + ms));
    const rows = times.flatMap((at) => Array.from({ length: 40 }, () => row(user.teamId, at)));
    await add(rows);
    const ordered = rows.toSorted(
      (a, b) => Number(b.createdAt) - Number(a.createdAt) || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0),
    );
    for (const limit of [1, 7, 40, 119, 120, 200]) expect(await pages(user, limit), `${limit}`).toEqual(ids(ordered));
  });

  it("shows everything that was there once, also when entries come meanwhile, before and after", async () => {
    const user = await platform.signIn();
    const at = (ms: number) => new Date(1_700_000_000_000 + ms);
    const rows = Array.from({ length: 60 }, (_, i) => row(user.teamId, at(i % 3)));
    await add(rows);
    let next = 3;
    const seen = await pages(user, 7, () =>
      add([row(user.teamId, at(next++)), row(user.teamId, at(-next)), row(user.teamId, at(1))]),
    );
    expect(new Set(seen).size).toBe(seen.length);
    const before = ids(rows);
    const there = new Set<string>(before);
    expect(seen.filter((id) => there.has(id)).toSorted()).toEqual(before.toSorted());
  });

  it("ends exactly at the last entry", async () => {
    const user = await platform.signIn();
    expect(await get(user)).toEqual({ items: [] });
    await add(Array.from({ length: 10 }, () => row(user.teamId, new Date())));
    expect(await get(user, { limit: "10" })).not.toHaveProperty("next_before");
    expect(await get(user, { limit: "9" })).toHaveProperty("next_before");
  });

  it("is filtered by kind, action and actor", async () => {
    const user = await platform.signIn();
    const now = new Date();
    const key = newId("key");
    const [a, b, c] = [
      row(user.teamId, now, { resourceType: "team", action: "rename" }),
      row(user.teamId, now, { resourceType: "api_key", action: "revoke", actorType: "api_key", actorId: key }),
      row(user.teamId, now, { resourceType: "sandbox", action: "create" }),
    ];
    await add([a, b, c]);
    const found = async (query: Record<string, string> | [string, string][]) =>
      (await get(user, query)).items.map(({ id }) => id).toSorted();
    expect(await found({ resource_type: "team" })).toEqual(ids([a]));
    expect(await found({ resource_type: "team,api_key" })).toEqual(ids([a, b]).toSorted());
    const repeated: [string, string][] = [
      ["action", "revoke"],
      ["action", "create, nothing"],
    ];
    expect(await found(repeated)).toEqual(ids([b, c]).toSorted());
    expect(await found({ actor_id: key })).toEqual(ids([b]));
    expect(await found({ actor_id: key, action: "create" })).toEqual([]);
  });

  it.each([
    "limit=0",
    "limit=201",
    "limit=x",
    "before=yesterday",
    "before_id=log-1",
    "action=%00",
    "actor_id=%00",
    "before=0000-01-01T00:00:00Z",
    "resource_type='",
  ])("refuses %s", async (query) => {
    const answer = await as(platform, await platform.signIn(), "GET", `/v1/audit-logs?${query}`);
    expect(answer).toMatchObject({ status: 400, body: { error: { code: "invalid_request" } } });
  });

  it("refuses a cursor that is none", async () => {
    const query = `before=2026-01-01T00:00:00Z&before_id=${newId("key")}`;
    expect((await as(platform, await platform.signIn(), "GET", `/v1/audit-logs?${query}`)).status).toBe(400);
  });

  it("shows members what is for the team, admins everything, and no team another's", async () => {
    const owner = await platform.signIn();
    const admin = await platform.signIn({ teamId: owner.teamId, role: "admin" });
    const member = await platform.signIn({ teamId: owner.teamId, role: "member" });
    const [open, closed] = [row(owner.teamId, new Date()), row(owner.teamId, new Date(), { scope: "admin" })];
    await add([open, closed]);
    const seen = async (user: TestUser) => (await get(user)).items.map(({ id }) => id).toSorted();
    expect(await seen(member)).toEqual(ids([open]));
    for (const user of [owner, admin]) expect(await seen(user)).toEqual(ids([open, closed]).toSorted());
    expect(await seen(await platform.signIn({ isAdmin: true }))).toEqual([]);
  });

  it("has what administrators do under the platform, not under the team that they are in", async () => {
    const root = await platform.signIn({ isAdmin: true });
    const { teamId } = await platform.signIn();
    const path = `/v1/admin/teams/${idFromUuid("team", teamId)}/quotas`;
    expect((await as(platform, root, "PUT", path, { max_vcpus: 7 })).status).toBe(204);
    expect((await get(root)).items).toEqual([]);
    const { body } = await as<AuditPage>(platform, root, "GET", "/v1/admin/audit-logs?action=set_quotas");
    expect(body.items[0]).toMatchObject({
      actor_type: "user",
      actor_id: idFromUuid("user", root.id),
      resource_type: "team",
      resource_id: idFromUuid("team", teamId),
      scope: "admin",
      status: "success",
      metadata: { max_vcpus: 7 },
    });
  });

  it("has the log of a team for administrators of the platform, also when it is deleted", async () => {
    const root = await platform.signIn({ isAdmin: true });
    const owner = await platform.signIn();
    const id = idFromUuid("team", owner.teamId);
    await add([row(owner.teamId, new Date(), { action: "rename", scope: "admin" }), row(randomUUID(), new Date())]);
    expect((await as(platform, owner, "DELETE", `/v1/teams/${id}`)).status).toBe(204);
    const read = (query: string) => as<AuditPage>(platform, root, "GET", `/v1/admin/audit-logs?${query}`);
    const ofTeam = (await read(`team_id=${id}`)).body.items;
    expect(ofTeam.map(({ action }) => action)).toEqual(["delete", "rename"]);
    const ended = { action: "delete", resource_id: id, actor_id: idFromUuid("user", owner.id) };
    expect(ofTeam[0]).toMatchObject(ended);
    expect((await read("resource_type=team&action=delete")).body.items[0]).toMatchObject(ended);
    expect((await read("team_id=nobody")).status).toBe(400);
    expect((await as(platform, owner, "GET", `/v1/admin/audit-logs?team_id=${id}`)).status).toBe(403);
  });

  it("says once what failed here or on a host, with the error's code, and nothing of what was refused", async () => {
    const user = await platform.signIn();
    platform.host.failAt("create.before", new WrennError("vmm_failed", "it broke"));
    expect((await as(platform, user, "POST", "/v1/capsules", {})).status).toBe(502);
    expect((await as(platform, user, "POST", "/v1/capsules", { vcpus: 0 })).status).toBe(400);
    expect((await as(platform, user, "POST", `/v1/capsules/${newId("capsule")}/pause`)).status).toBe(404);
    await until(async () => (await get(user)).items.length > 0);
    platform.host.reset();
    await as(platform, user, "POST", "/v1/teams", { name: "Later" });
    expect((await as(platform, user, "POST", "/v1/capsules", {})).status).toBe(201);
    const { items } = await get(user);
    expect(items.map(({ status, action, metadata }) => ({ status, action, metadata }))).toEqual([
      { status: "success", action: "create", metadata: undefined },
      { status: "error", action: "create", metadata: { code: "vmm_failed" } },
    ]);
  });

  it("has what the platform does by itself", async () => {
    const user = await platform.signIn();
    const { id } = (await as<Capsule>(platform, user, "POST", "/v1/capsules", {})).body;
    platform.host.idle(id);
    await until(async () => (await get(user)).items.length === 2);
    const [paused] = (await get(user)).items;
    expect(paused).toMatchObject({ actor_type: "system", resource_type: "sandbox", resource_id: id, action: "pause" });
    expect(paused).toMatchObject({ scope: "team", status: "info" });

    await platform.restartHost();
    const root = await platform.signIn({ isAdmin: true });
    const path = "/v1/admin/audit-logs?resource_type=host&limit=2";
    const { items } = (await as<AuditPage>(platform, root, "GET", path)).body;
    expect(items.map(({ action, actor_type, status }) => ({ action, actor_type, status }))).toEqual([
      { action: "marked_up", actor_type: "system", status: "info" },
      { action: "marked_down", actor_type: "system", status: "warning" },
    ]);
    expect(new Set(items.map((entry) => entry.resource_id)).size).toBe(1);
  });

  it("is only ever added to", async () => {
    await add([row(idToUuid(PLATFORM_TEAM), new Date())]);
    await expect(platform.db.queries.delete(auditLogs)).rejects.toThrow();
    await expect(platform.db.queries.update(auditLogs).set({ action: "x" })).rejects.toThrow();
  });

  it("has what was done while the database was away", async () => {
    const user = await platform.signIn();
    const { postgres, layout } = platform.server;
    await postgres.close();
    await using log = new AuditLog(platform.db, silent);
    const entry = { teamId: user.teamId, scope: "team", actor: SYSTEM, status: "success" } as const;
    const recorded = log.record({ ...entry, resourceType: "team", action: "rename" });
    expect((await as(platform, user, "GET", "/v1/audit-logs")).status).toBe(503);
    await using _again = await startEmbeddedPostgres(layout, silent, engine.options);
    await recorded;
    expect((await get(user)).items).toMatchObject([{ action: "rename" }]);
    await platform.stopControlPlane();
  });
});
