import { randomUUID } from "node:crypto";
import { idFromUuid, idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import type { HostWithToken } from "@wrenn/protocol/rest/hosts";
import { and, eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditLogs, hosts, teams } from "../../db/schema.ts";
import { TestPlatform, type TestUser } from "../../testing/platform.ts";
import { ENGINES } from "../../testing/postgres.ts";
import { until } from "../../testing/until.ts";

describe.each(ENGINES)("what is written down of hosts on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  /** of the platform, who owns an ordinary team */
  let admin: TestUser;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    admin = await platform.signIn({ isAdmin: true });
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  const ask = async (method: string, path: string, body?: object) => {
    const headers = { ...admin.headers, "x-request-id": randomUUID() };
    const init = { headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    return { ...(await platform.request<HostWithToken>(method, `/v1/hosts${path}`, init)), asked: headers };
  };
  const ofTeam = (teamId: string) => and(eq(auditLogs.teamId, teamId), eq(auditLogs.actorType, "user"));
  const log = async (teamId: string, resourceId: string) => {
    const { queries } = platform.db;
    const found = queries.select().from(auditLogs).where(ofTeam(teamId)).orderBy(auditLogs.createdAt);
    return (await found).filter((one) => one.resourceId === resourceId).map(({ action }) => action);
  };
  /** Everything that an administrator can do with a host. Returns its id. */
  const everything = async (body: object) => {
    const { host } = (await ask("POST", "", body)).body;
    await platform.db.queries.update(hosts).set({ status: "unreachable" }).where(eq(hosts.status, "pending"));
    const answers = [
      await ask("POST", `/${host.id}/token`),
      await ask("POST", `/${host.id}/tags`, { tag: "gpu" }),
      await ask("DELETE", `/${host.id}/tags/gpu`),
      await ask("PUT", `/${host.id}/drain`, { draining: true }),
      await ask("DELETE", `/${host.id}`),
    ];
    expect(answers.map(({ status }) => status)).toEqual([201, 204, 204, 200, 204]);
    return host.id;
  };
  const EVERYTHING = ["create", "create_token", "add_tag", "remove_tag", "drain", "delete"];

  it("is in the log of the platform where the host is, not in that of the administrator's own team", async () => {
    const id = await everything({ type: "regular" });
    expect(await log(idToUuid(PLATFORM_TEAM), id)).toEqual(EVERYTHING);
    expect(await platform.db.queries.select().from(auditLogs).where(ofTeam(admin.teamId))).toEqual([]);
  });

  it("is in the log of the team whose host it is", async () => {
    const owner = await platform.signIn();
    await platform.db.queries.update(teams).set({ isByoc: true }).where(eq(teams.id, owner.teamId));
    const id = await everything({ type: "byoc", team_id: idFromUuid("team", owner.teamId) });
    expect(await log(owner.teamId, id)).toEqual(EVERYTHING);
    expect(await log(idToUuid(PLATFORM_TEAM), id)).toEqual([]);
  });

  it("is in the same log where it fails half-way", async () => {
    const { host } = (await ask("POST", "", { type: "regular" })).body;
    await platform.db.queries.execute(sql`alter table host_tokens rename to host_tokens_away`);
    const failed = [await ask("POST", `/${host.id}/token`), await ask("POST", "", { type: "regular" })];
    await platform.db.queries.execute(sql`alter table host_tokens_away rename to host_tokens`);
    for (const { status, asked } of failed) {
      expect(status).toBe(500);
      const ofRequest = eq(auditLogs.requestId, asked["x-request-id"]);
      const entries = await until(async () => {
        const found = await platform.db.queries.select().from(auditLogs).where(ofRequest);
        return found.length > 0 && found;
      });
      expect(entries).toMatchObject([{ teamId: idToUuid(PLATFORM_TEAM), status: "error" }]);
    }
  });
});
