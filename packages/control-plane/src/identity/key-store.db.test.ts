import { idFromUuid, newId } from "@wrenn/protocol/ids";
import type { ApiKey, CreateApiKey, NewApiKey } from "@wrenn/protocol/rest/api-keys";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apiKeys } from "../db/schema.ts";
import { as } from "../testing/as.ts";
import { type Failure, TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";

describe.each(ENGINES)("API keys on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  const by = <Body = unknown>(user: TestUser, method: string, path: string, body?: unknown) =>
    as<Body>(platform, user, method, path, body);
  const make = async (user: TestUser, body: CreateApiKey = {}) =>
    (await by<NewApiKey>(user, "POST", "/v1/api-keys", body)).body;
  const list = async (user: TestUser) => (await by<ApiKey[]>(user, "GET", "/v1/api-keys")).body;
  const use = (key: string, method = "GET", path = "/v1/capsules", body?: unknown) =>
    platform.request<Failure>(method, path, {
      headers: { "x-api-key": key },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const team = async () => {
    const owner = await platform.signIn();
    const [a, b] = [
      await platform.signIn({ teamId: owner.teamId, role: "member" }),
      await platform.signIn({ teamId: owner.teamId, role: "member" }),
    ];
    return { owner, a, b };
  };

  it("are shown once, and work from then on", async () => {
    const { owner, a } = await team();
    const before = Date.now();
    const made = await make(a);
    expect(made.key).toMatch(/^wrn_[0-9a-f]{32}$/);
    expect(made).toMatchObject({
      name: "Unnamed API Key",
      team_id: idFromUuid("team", owner.teamId),
      key_prefix: made.key.slice(0, 10),
      created_by: idFromUuid("user", a.id),
      creator_email: a.email,
    });
    expect(await list(owner)).toEqual([{ ...made, key: undefined }]);
    expect((await use(made.key)).status).toBe(200);
    const [listed] = await list(owner);
    expect(JSON.stringify(listed)).not.toContain(made.key);
    expect(Date.parse(listed?.last_used ?? "")).toBeGreaterThanOrEqual(before - 1000);
  });

  it("have another beginning for E2B's clients, and are the same key under both", async () => {
    const { a } = await team();
    const { key, key_prefix: prefix } = await make(a, { form: "e2b" });
    expect(key).toMatch(/^e2b_[0-9a-f]{32}$/);
    expect(prefix).toBe(key.slice(0, 10));
    for (const form of ["e2b", "wrn"]) expect((await use(`${form}_${key.slice(4)}`)).status).toBe(200);
  });

  it("do what their scopes say and nothing else", async () => {
    const { a } = await team();
    const { key, scopes } = await make(a, { scopes: ["capsules:read", "snapshots:read", "capsules:read"] });
    expect(scopes).toEqual(["capsules:read", "snapshots:read"]);
    for (const path of ["/v1/capsules", "/v1/snapshots"]) expect((await use(key, "GET", path)).status).toBe(200);
    expect(await use(key, "POST", "/v1/capsules", {})).toMatchObject({
      status: 403,
      body: { error: { code: "forbidden", message: "this API key has no scope capsules:write" } },
    });
    const exec = await use(key, "POST", `/v1/capsules/${newId("capsule")}/exec`, { cmd: "id" });
    expect(exec.body.error.message).toBe("this API key has no scope capsules:use");
    for (const path of ["/v1/api-keys", "/v1/teams", "/v1/audit-logs", "/v1/admin/users"]) {
      expect((await use(key, "GET", path)).body.error.message).toBe("this cannot be done with an API key: sign in");
    }
  });

  it("expire", async () => {
    const { a } = await team();
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    const { id, key, expires_at: expires } = await make(a, { expires_at: soon });
    expect(expires).toBe(`${soon.slice(0, 19)}Z`);
    expect((await use(key)).status).toBe(200);
    const { queries } = platform.db;
    const over = { expiresAt: new Date(Date.now() - 1) };
    await queries.update(apiKeys).set(over).where(eq(apiKeys.createdBy, a.id));
    expect(await use(key)).toMatchObject({ status: 401, body: { error: { message: "the API key has expired" } } });
    expect((await list(a)).map((one) => one.id)).toEqual([id]);
  });

  it.each([
    [{ name: "" }, /^name must/],
    [{ name: " " }, /^name must/],
    [{ name: "x".repeat(101) }, /^name must be at most 100/],
    [{ name: "a\u0000b" }, /^name must not contain control/],
    [{ scopes: [] }, /^scopes must be at least 1/],
    [{ scopes: ["everything"] }, /^scopes\.0 /],
    [{ expires_at: "2020-01-01T00:00:00Z" }, /^expires_at must be in the future/],
    [{ expires_at: "9999-12-31T23:59:59-23:59" }, /^expires_at must be between/],
    [{ expires_at: "tomorrow" }, /^expires_at /],
    [{ form: "abc" }, /^form /],
  ])("are not made from %j", async (body, message) => {
    const { a } = await team();
    const answer = await by(a, "POST", "/v1/api-keys", body);
    expect(answer.status).toBe(400);
    expect(answer.body.error.message).toMatch(message);
    expect(await list(a)).toEqual([]);
  });

  it("are revoked at once, by who made them or runs the team, and by nobody else", async () => {
    const { owner, a, b } = await team();
    const stranger = await platform.signIn();
    const [one, two] = [await make(a), await make(a)];
    expect((await by(b, "DELETE", `/v1/api-keys/${one.id}`)).status).toBe(403);
    // Another team's key is as good as none.
    expect((await by(stranger, "DELETE", `/v1/api-keys/${one.id}`)).status).toBe(204);
    expect((await use(one.key)).status).toBe(200);
    expect((await by(a, "DELETE", `/v1/api-keys/${one.id}`)).status).toBe(204);
    expect((await use(one.key)).status).toBe(401);
    expect((await by(owner, "DELETE", `/v1/api-keys/${two.id}`)).status).toBe(204);
    expect((await use(two.key)).status).toBe(401);
    expect((await by(a, "DELETE", `/v1/api-keys/${one.id}`)).status).toBe(204);
    expect((await by(a, "DELETE", "/v1/api-keys/key-1")).status).toBe(400);
    expect(await list(owner)).toEqual([]);
  });

  it("are not left behind by a member who makes one while being removed", async () => {
    const { owner } = await team();
    const path = `/v1/teams/${idFromUuid("team", owner.teamId)}/members`;
    for (let round = 0; round < 5; round++) {
      const member = await platform.signIn({ teamId: owner.teamId, role: "member" });
      await Promise.all([
        ...Array.from({ length: 4 }, () => make(member)),
        by(owner, "DELETE", `${path}/${idFromUuid("user", member.id)}`),
      ]);
      expect(await list(owner)).toEqual([]);
    }
  });
});
