import { idFromUuid, newId } from "@wrenn/protocol/ids";
import type { AuditPage } from "@wrenn/protocol/rest/audit";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apiKeys, auditLogs } from "../db/schema.ts";
import { as } from "../testing/as.ts";
import { TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES, silent } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";
import { type AuditEntry, SYSTEM } from "./entry.ts";
import { AuditLog } from "./log.ts";

describe.each(ENGINES)("entries that cannot be stored, on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  const hide = () => platform.db.pool.query("ALTER TABLE audit_logs RENAME TO hidden");
  const show = () => platform.db.pool.query("ALTER TABLE hidden RENAME TO audit_logs");
  const entry = (teamId: string, more: Partial<AuditEntry> = {}): AuditEntry => ({
    teamId,
    scope: "team",
    actor: SYSTEM,
    resourceType: "team",
    action: "test",
    status: "success",
    ...more,
  });
  const stored = (teamId: string) =>
    platform.db.queries.select().from(auditLogs).where(eq(auditLogs.teamId, teamId)).orderBy(auditLogs.createdAt);
  const keysOf = ({ teamId }: TestUser) => platform.db.queries.select().from(apiKeys).where(eq(apiKeys.teamId, teamId));

  it("are kept until they can be, and the answer waits for them", async () => {
    const user = await platform.signIn();
    await hide();
    let answered = false;
    const answer = as(platform, user, "POST", "/v1/api-keys", { name: "new" }).finally(() => {
      answered = true;
    });
    await until(async () => (await keysOf(user)).length === 1);
    await until(async () => {
      const { body } = await platform.request<string>("GET", "/metrics");
      return /^wrenn_audit_waiting 1$/m.test(body);
    });
    expect(answered).toBe(false);
    await show();
    expect((await answer).status).toBe(201);
    const { body } = await as<AuditPage>(platform, user, "GET", "/v1/audit-logs");
    expect(body.items).toMatchObject([{ action: "create", resource_type: "api_key" }]);
    expect((await platform.request<string>("GET", "/metrics")).body).toMatch(/^wrenn_audit_lost_total 0$/m);
  });

  it("take no others with them when they never can be", async () => {
    const { teamId } = await platform.signIn();
    await using log = new AuditLog(platform.db, silent);
    const bad = entry(teamId, { status: "nonsense" as "success" });
    // The first one is stored alone, the others together.
    const entries = [entry(teamId), entry(teamId), bad, entry(teamId)];
    await Promise.all(entries.map((one) => log.record(one)));
    expect(await stored(teamId)).toHaveLength(3);
    expect([log.lost, log.waiting]).toEqual([1, 0]);
  });

  it("are made so that they can be", async () => {
    const { teamId } = await platform.signIn();
    await using log = new AuditLog(platform.db, silent);
    await log.record(entry(teamId, { metadata: { name: "\ud800", more: ["a\0b"] } }));
    expect((await stored(teamId))[0]?.metadata).toEqual({ name: "\ufffd", more: ["a\ufffdb"] });
  });

  it("are counted when the process ends before", async () => {
    const { teamId } = await platform.signIn();
    await hide();
    const log = new AuditLog(platform.db, silent);
    const recorded = Promise.all([log.record(entry(teamId)), log.record(entry(teamId))]);
    await log[Symbol.asyncDispose]();
    await recorded;
    await show();
    expect([log.lost, log.waiting]).toEqual([2, 0]);
    expect(await stored(teamId)).toEqual([]);
  });

  it("do not come from a request: it is refused", async () => {
    const user = await platform.signIn();
    const refused = [
      await as(platform, user, "POST", "/v1/api-keys", { name: "\ud800" }),
      await as(platform, user, "GET", "/v1/capsules?metadata=a%3D%00"),
      await as(platform, user, "GET", "/v1/capsules?metadata=a%3D%2500"),
      await as(platform, user, "DELETE", "/v1/snapshots/a%00b"),
      await as(platform, user, "GET", `/v1/capsules/${newId("capsule")}%00`),
    ];
    for (const { status, body } of refused) {
      expect([status, body]).toMatchObject([400, { error: { code: "invalid_request" } }]);
    }
    expect(await as(platform, user, "GET", `/v1/teams/${idFromUuid("team", user.teamId)}`)).toMatchObject({
      status: 200,
    });
  });
});
