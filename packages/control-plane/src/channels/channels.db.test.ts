import type { Channel, ChannelEvent, CreateChannel, DeliveryList } from "@wrenn/protocol/rest/channels";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditLogs, channels } from "../db/schema.ts";
import { Encryption } from "../encryption.ts";
import { readSecrets } from "../secrets.ts";
import { type Failure, NO_LIMITS, TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { Receiver } from "../testing/receiver.ts";
import { countByKey, reencryptChannels } from "./reencrypt.ts";

const SECRET = "a secret that nobody shall see";

describe.each(ENGINES)("channels on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let owner: TestUser;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    owner = await platform.signIn();
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  const events: ChannelEvent[] = ["capsule.created"];
  const webhook = (name: string): CreateChannel => {
    return { name, provider: "webhook", config: { url: "https://example.com/hook", secret: SECRET }, events };
  };
  const create = (body: object, user = owner) => platform.post<Channel & Failure>("/v1/channels", body, user);
  const request = <Body = Channel & Failure>(method: string, path: string, body?: object, user = owner) =>
    platform.request<Body>(method, `/v1/channels${path}`, {
      headers: user.headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  it("are made, listed, changed and deleted, and nothing of that goes unnoticed", async () => {
    const made = await create(webhook("  My First Channel "));
    expect(made).toMatchObject({ status: 201, body: { name: "my-first-channel", provider: "webhook", events } });
    expect(made.body.secret).toBe(SECRET);
    expect(made.body.id).toMatch(/^ch-[0-9a-z]{25}$/);
    const { secret: _, ...shown } = made.body;
    const path = `/${made.body.id}`;
    expect((await request("GET", path)).body).toEqual(shown);
    expect((await request<Channel[]>("GET", "")).body).toEqual([shown]);

    const changed = await request("PATCH", path, { name: "Second", events: ["capsule.error", "capsule.error"] });
    expect(changed.body).toMatchObject({ name: "second", events: ["capsule.error"] });
    expect(changed.body).not.toHaveProperty("secret");

    const rotated = await request("PUT", `${path}/config`, { config: { url: "https://example.com/other" } });
    expect(rotated.body.secret).toMatch(/^[0-9a-f]{64}$/);
    expect((await request("GET", path)).body).not.toHaveProperty("secret");

    expect((await request("DELETE", path)).status).toBe(204);
    for (const [method, body] of [["GET"], ["DELETE"], ["PATCH", {}]] as const) {
      expect((await request(method, path, body)).status).toBe(404);
    }
    const entries = await platform.db.queries.select().from(auditLogs).where(sql`resource_id = ${made.body.id}`);
    expect(entries.map(({ action }) => action)).toEqual(["create", "update", "rotate_config", "delete"]);
    expect(JSON.stringify(entries)).not.toContain(SECRET);
  });

  it("keep their configuration encrypted", async () => {
    const { body } = await create(webhook("kept"));
    const [row] = await platform.db.queries.select().from(channels);
    expect(row?.config).toMatch(/^[0-9a-f]{8}\.[A-Za-z0-9+/]+=*$/);
    expect(Buffer.from(row?.config.slice(9) ?? "", "base64").toString()).not.toContain("example.com");
    await request("DELETE", `/${body.id}`);
  });

  it("get the current key when it has changed, so that the one before can go", async () => {
    const { body } = await create(webhook("rotated"));
    const [row] = await platform.db.queries.select().from(channels);
    const { encryption: old } = await readSecrets(
      { session: undefined, encryption: undefined },
      platform.server.layout.secretsFile,
    );
    const key = new Uint8Array(32).fill(7);
    const rotated = new Encryption({ encryption: key, retiredEncryption: [old] });
    expect(Object.values(await countByKey(platform.db))).toEqual([1]);
    const blind = new Encryption({ encryption: key, retiredEncryption: [] });
    await expect(reencryptChannels(platform.db, blind)).rejects.toThrow("needs a key");
    expect((await platform.db.queries.select().from(channels))[0]).toEqual(row);
    await reencryptChannels(platform.db, rotated);
    const [after] = await platform.db.queries.select().from(channels);
    expect(await countByKey(platform.db)).toEqual({ [rotated.keyId]: 1 });
    expect(JSON.parse(blind.decrypt(after?.config ?? "", after?.id ?? ""))).toMatchObject({ secret: SECRET });
    const metrics = (await platform.request<string>("GET", "/metrics")).body;
    expect(metrics).toContain(`wrenn_encrypted{key="${rotated.keyId}"} 1`);
    await request("DELETE", `/${body.id}`);
  });

  it("have names of their own in their team", async () => {
    const first = await create(webhook("one"));
    expect(await create(webhook(" ONE"))).toMatchObject({ status: 409, body: { error: { code: "conflict" } } });
    const second = await create(webhook("two"));
    expect(await request("PATCH", `/${second.body.id}`, { name: "One" })).toMatchObject({ status: 409 });
    const other = await platform.signIn();
    expect((await create(webhook("one"), other)).status).toBe(201);
    for (const { body } of [first, second]) await request("DELETE", `/${body.id}`);
  });

  it("refuse what cannot be right", async () => {
    const good = webhook("good");
    const wrong = [
      { ...good, name: "" },
      { ...good, name: "-x" },
      { ...good, provider: "fax" },
      { ...good, events: [] },
      { ...good, events: ["channel.test"] },
      { ...good, config: {} },
      { ...good, config: { url: "ftp://example.com" } },
      { ...good, provider: "telegram" },
    ];
    for (const body of wrong) {
      expect(await create(body), JSON.stringify(body)).toMatchObject({
        status: 400,
        body: { error: { code: "invalid_request" } },
      });
    }
    expect((await request<Channel[]>("GET", "")).body).toEqual([]);
  });

  it("are read by members, changed by those who run the team, and nothing to others", async () => {
    const { body } = await create(webhook("shared"));
    const path = `/${body.id}`;
    const [member, admin, other] = await Promise.all([
      platform.signIn({ role: "member", teamId: owner.teamId }),
      platform.signIn({ role: "admin", teamId: owner.teamId }),
      platform.signIn(),
    ]);
    const config = { config: { url: "https://example.com" } };
    const delivery = "dlv-0000000000000000000000001";
    const routes = [
      ["GET", "", undefined, 200, 200, 200],
      ["GET", path, undefined, 200, 200, 404],
      ["GET", `${path}/deliveries`, undefined, 200, 200, 404],
      ["PATCH", path, {}, 403, 200, 404],
      ["PUT", `${path}/config`, config, 403, 200, 404],
      ["POST", `${path}/deliveries/${delivery}/resend`, undefined, 403, 404, 404],
      ["POST", "", webhook("other"), 403, 201, 201],
      ["POST", "/test", { provider: "webhook", config: { url: "http://127.0.0.1:1" } }, 403, 502, 502],
    ] as const;
    for (const [method, at, sent, ofMember, ofAdmin, ofOther] of routes) {
      const statuses = [];
      for (const user of [member, admin, other]) statuses.push((await request(method, at, sent, user)).status);
      expect(statuses, `${method} ${at}`).toEqual([ofMember, ofAdmin, ofOther]);
    }
    expect((await platform.request("GET", "/v1/channels")).status).toBe(403);
    expect((await platform.request("GET", "/v1/channels", { headers: { authorization: "x" } })).status).toBe(401);
    expect((await request("GET", "/ch-1")).status).toBe(400);
    expect((await request<DeliveryList & Failure>("GET", `${path}/deliveries?cursor=x`)).status).toBe(400);
  });

  it("are not tested on the control plane's own network", async () => {
    await using receiver = await Receiver.listen();
    for (const host of ["127.0.0.1", "localhost"]) {
      const config = { url: `http://${host}:${receiver.port}/` };
      const { status, body } = await request("POST", "/test", { provider: "webhook", config });
      expect(status).toBe(502);
      expect(body.error).toMatchObject({ code: "agent_error", reason: "delivery_failed" });
    }
    expect(receiver.requests).toEqual([]);
  });

  it("are not tested without end by one team, whoever of it asks", async () => {
    await platform.stopControlPlane();
    const rateLimits = { ...NO_LIMITS, channelTestPerMinute: 1 };
    await platform.startControlPlane({ accounts: { rateLimits } });
    const admin = await platform.signIn({ role: "admin", teamId: owner.teamId });
    const test = { provider: "webhook", config: { url: "http://127.0.0.1:1" } };
    const statuses = [];
    for (const user of [owner, admin, await platform.signIn()]) {
      statuses.push((await request("POST", "/test", test, user)).status);
    }
    expect(statuses).toEqual([502, 429, 502]);
  });
});
