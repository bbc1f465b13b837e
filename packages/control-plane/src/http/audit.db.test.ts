import { randomUUID } from "node:crypto";
import { idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AuditRow, auditLogs } from "../db/schema.ts";
import { LogRecorder } from "../testing/log-recorder.ts";
import { TestPlatform } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { ROUTE_CASES, type Target } from "../testing/route-cases.ts";
import { routeTable } from "../testing/route-table.ts";
import { sendCase } from "../testing/send-case.ts";
import { senderOf } from "../testing/sender.ts";
import { until } from "../testing/until.ts";
import { EVERYTHING, World } from "../testing/world.ts";

const AUDITED = routeTable().filter((route) => route.audit !== undefined);

describe.each(ENGINES)("what routes leave in the audit log on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  const log = new LogRecorder();

  beforeAll(async () => {
    platform = await TestPlatform.start(engine, EVERYTHING, log.logger);
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  async function entryOf(requestId: string): Promise<AuditRow> {
    const find = () => platform.db.queries.select().from(auditLogs).where(eq(auditLogs.requestId, requestId));
    // Of what is done often the entry may come after the answer.
    const rows = await until(async () => {
      const found = await find();
      return found.length > 0 && found;
    });
    expect(rows).toHaveLength(1);
    return rows[0] as AuditRow;
  }

  it("is asked of every route that changes something", () => {
    expect(AUDITED.length).toBeGreaterThan(30);
    expect(AUDITED.map(({ name }) => name).filter((name) => ROUTE_CASES[name] === undefined)).toEqual([]);
  });

  it.each(AUDITED)("$name: who, what, and from where", async (route) => {
    await using world = await World.make(platform);
    const target: Target = (await ROUTE_CASES[route.name]?.target(world)) ?? {};
    const { headers, actorType, actorId } = senderOf(world, route, target);
    const requestId = `test-${randomUUID()}`;
    const answer = await sendCase(platform, route, target, { ...headers, "x-request-id": requestId });
    for (const one of [headers, target.host, target.query, target.body, answer.headers, answer.body]) log.see(one);
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);

    const entry = await entryOf(requestId);
    const told = route.url.includes("snapshot") ? answer.body.name : (answer.body.id ?? answer.body.host?.id);
    const named = typeof target.resource === "function" ? await target.resource() : target.resource;
    expect(entry).toMatchObject({
      actorType,
      actorId,
      resourceType: route.audit?.resource,
      resourceId: named === "*" ? told : (named ?? target.path?.["id"] ?? null),
      action: target.action ?? route.audit?.action,
      scope: route.audit?.scope ?? "team",
      status: "success",
      sourceAddress: "127.0.0.1",
    });
    const { who } = route.access;
    if ((who === "team" || who === "member") && target.ofPlatform !== true)
      expect(entry.teamId).toBe(world.owner.teamId);
    if (target.ofTeam === true) expect(entry.teamId).toBe(world.owner.teamId);
    else if (who === "admin" || route.audit?.scope === "admin") expect(entry.teamId).toBe(idToUuid(PLATFORM_TEAM));
    const { key, secret } = answer.body;
    if (key !== undefined) expect(JSON.stringify(entry)).not.toContain(key.slice(4));
    if (secret !== undefined) expect(JSON.stringify(entry)).not.toContain(secret);
  });

  it("is all of what anybody can read: no secret of any request or answer is in the log of the process", () => {
    expect(log.lines.length).toBeGreaterThan(AUDITED.length);
    expect(log.known).toBeGreaterThan(AUDITED.length);
    expect(log.leaks()).toEqual([]);
  });
});
