import type { Host, HostWithToken } from "@wrenn/protocol/rest/hosts";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { auditLogs, hosts } from "../db/schema.ts";
import { EnrolledHost } from "../testing/enrolled-host.ts";
import { type Failure, TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";

describe.each(ENGINES)("hosts that are drained on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let admin: TestUser;
  let id: string;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    admin = await platform.signIn({ isAdmin: true });
    [{ id = "" } = {}] = (await ask<Host[]>("GET", "")).body;
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());
  afterEach(async () => {
    if (!platform.host.listening) await platform.host.listen();
    await drain(false);
    await until(async () => (await look()).status === "online");
  });

  const ask = <Body>(method: string, path: string, body?: object) =>
    platform.request<Body>(method, `/v1/hosts${path}`, {
      headers: admin.headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const drain = async (draining: boolean) => (await ask<Host>("PUT", `/${id}/drain`, { draining })).body;
  const look = async () => (await ask<Host>("GET", `/${id}`)).body;
  const hostDies = async () => {
    await platform.host.kill();
    await platform.waitForHost("unreachable");
  };
  const create = () => platform.post<Failure>("/v1/capsules", {});

  it("are unreachable while they do not answer, and drained again when they are back", async () => {
    expect(await drain(true)).toMatchObject({ status: "draining", draining: true });
    await hostDies();
    expect(await look()).toMatchObject({ status: "unreachable", draining: true });
    await platform.host.listen();
    await platform.waitForHost("draining");
    expect((await create()).body.error.message).toContain("no host is online");
    expect(await drain(false)).toMatchObject({ status: "online", draining: false });
    expect((await create()).status).toBe(201);
    const entries = await platform.db.queries.select().from(auditLogs).orderBy(auditLogs.createdAt);
    const marks = entries.filter(({ resourceId, actorType }) => resourceId === id && actorType === "system");
    expect(marks.map(({ action }) => action).slice(-2)).toEqual(["marked_down", "marked_up"]);
  });

  it("get nothing when a control plane of before takes them for online", async () => {
    await platform.db.queries.update(hosts).set({ drainsWhenBack: true });
    expect((await create()).body.error.message).toContain("no host is online");
  });

  it("do not look well for being drained, or not any more, while they are unreachable", async () => {
    await hostDies();
    expect(await drain(true)).toMatchObject({ status: "unreachable", draining: true });
    expect(await drain(false)).toMatchObject({ status: "unreachable", draining: false });
    expect((await create()).body.error.message).toContain("no host is online");
    await drain(true);
    await platform.host.listen();
    await platform.waitForHost("draining");
  });

  it("may enrol anew when they do not answer, and are drained then", async () => {
    const { host, registration_token } = (await ask<HostWithToken>("POST", "", { type: "regular" })).body;
    const becomes = (status: string) =>
      until(async () => (await ask<Host>("GET", `/${host.id}`)).body.status === status);
    const first = await EnrolledHost.start(platform.url, registration_token);
    await becomes("online");
    await ask("PUT", `/${host.id}/drain`, { draining: true });
    expect((await ask("POST", `/${host.id}/token`)).status).toBe(400);
    await first[Symbol.asyncDispose]();
    await becomes("unreachable");
    const { body } = await ask<HostWithToken>("POST", `/${host.id}/token`);
    await using _again = await EnrolledHost.start(platform.url, body.registration_token);
    await becomes("draining");
    await ask("DELETE", `/${host.id}`);
  });
});
