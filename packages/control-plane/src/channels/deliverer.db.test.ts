import { createHmac, randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { inspect } from "node:util";
import { WrennError } from "@wrenn/protocol/errors";
import { idFromUuid, idToUuid, PLATFORM_TEAM, parseId } from "@wrenn/protocol/ids";
import {
  CHANNEL_EVENTS,
  type Channel,
  type Delivery,
  type DeliveryList,
  type Provider,
} from "@wrenn/protocol/rest/channels";
import { createLogger } from "@wrenn/runtime/logger";
import { eq, sql } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { channels, deliveries } from "../db/schema.ts";
import { Encryption } from "../encryption.ts";
import { readSecrets } from "../secrets.ts";
import { TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { Receiver } from "../testing/receiver.ts";
import { until } from "../testing/until.ts";
import { Deliverer } from "./deliverer.ts";
import { Outbound } from "./outbound.ts";

const SECRET = "a secret that nobody shall see";
const LOOPBACK = ["127.0.0.0/8"];
const deliveryTimes = { pollMs: 20, retryMs: [10, 10] };

describe.each(ENGINES)("deliveries on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let user: TestUser;
  let receiver: Receiver;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    await platform.stopControlPlane();
    await platform.startControlPlane({ webhookAllow: LOOPBACK }, { deliveryTimes });
    // The team of the local key, which makes the capsules.
    user = await platform.signIn({ role: "admin", teamId: idToUuid(PLATFORM_TEAM) });
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());
  beforeEach(async () => {
    receiver = await Receiver.listen();
  });
  afterEach(async () => {
    await platform.db.queries.delete(channels);
    await receiver[Symbol.asyncDispose]();
    platform.host.reset();
  });

  async function channel(events: readonly string[] = CHANNEL_EVENTS, to = receiver, provider: Provider = "webhook") {
    const config = provider === "webhook" ? { url: to.url, secret: SECRET } : { webhook_url: to.url };
    const name = randomUUID();
    const { body } = await platform.post<Channel>("/v1/channels", { name, provider, config, events }, user);
    return body.id;
  }
  const list = async (id: string, query = "") =>
    (await platform.request<DeliveryList>("GET", `/v1/channels/${id}/deliveries${query}`, user)).body;
  const settled = (id: string, count: number, status = "delivered") =>
    until(async () => {
      const { items } = await list(id, `?limit=200&status=${status}`);
      return items.length === count && items;
    });
  const told = () => receiver.bodies.map(({ event }) => String(event)).toSorted();
  const clear = async (id: string) => {
    await until(async () => (await list(id, "?status=pending")).items.length === 0);
    receiver.requests.length = 0;
  };
  /** As a change would leave it: due now. */
  async function leave(id: string, fields: Partial<typeof deliveries.$inferInsert> = {}): Promise<string> {
    const row = { ...due(id), ...fields };
    await platform.db.queries.insert(deliveries).values(row);
    return row.id;
  }
  function due(id: string) {
    const payload = { event: "capsule.running", actor: {}, resource: {} };
    const channelId = idToUuid(parseId("channel", id));
    return { id: randomUUID(), channelId, event: "capsule.running", payload, nextAttemptAt: new Date(0) };
  }
  async function deps() {
    const { secretsFile } = platform.server.layout;
    const encryption = new Encryption(await readSecrets({ session: undefined, encryption: undefined }, secretsFile));
    const logger = createLogger("test", "silent");
    return { db: platform.db, encryption, logger, outbound: new Outbound(LOOPBACK) };
  }

  it("tell of the life of a capsule, and who was behind it", async () => {
    const id = await channel();
    const capsule = await platform.createCapsule();
    await settled(id, 2);
    expect(told()).toEqual(["capsule.created", "capsule.running"]);
    const key = expect.stringMatching(/^key-/);
    for (const body of receiver.bodies) {
      expect(body).toEqual({
        event: body["event"],
        timestamp: expect.stringMatching(/^\S+T\d\d:\d\d:\d\dZ$/),
        team_id: PLATFORM_TEAM,
        actor: { type: "api_key", id: key, name: expect.any(String) },
        resource: { id: capsule.id, type: "sandbox" },
      });
    }
    await clear(id);
    // With a body, which is read in callbacks of somebody else.
    await platform.act(capsule.id, "pause");
    await platform.act(capsule.id, "resume", { timeout_sec: 9 }, { headers: user.headers });
    await platform.destroyCapsule(capsule.id);
    await settled(id, 5);
    expect(told()).toEqual(["capsule.destroyed", "capsule.paused", "capsule.running"]);
    const resumed = receiver.bodies.find(({ event }) => event === "capsule.running");
    expect(resumed).toMatchObject({ actor: { type: "user", id: idFromUuid("user", user.id) } });
  });

  it("tell of what happens by itself, and of failures", async () => {
    const id = await channel();
    platform.host.failAt("create.before", new WrennError("disk_full", "no space"));
    expect((await platform.post("/v1/capsules", {})).status).toBe(507);
    platform.host.reset();
    await settled(id, 1);
    expect(told()).toEqual(["capsule.error"]);

    const [paused, ended] = [await platform.createCapsule(), await platform.createCapsule()];
    await settled(id, 5);
    await clear(id);
    platform.host.change(paused.id, { status: "paused", pauseReason: "idle" });
    await settled(id, 6);
    platform.host.change(ended.id, { status: "stopped" });
    await settled(id, 7);
    expect(told()).toEqual(["capsule.ended", "capsule.paused"]);
    expect(receiver.bodies.map(({ actor }) => actor)).toEqual([{ type: "system" }, { type: "system" }]);
    for (const { id: capsule } of [paused, ended]) await platform.destroyCapsule(capsule);
  });

  it("tell of snapshots that were, and of none that failed", async () => {
    const id = await channel(["template.snapshot.created", "template.snapshot.deleted"]);
    const { id: capsule } = await platform.createCapsule();
    platform.host.failAt("snapshot.before", new WrennError("disk_full", "no space"));
    await platform.post("/v1/snapshots", { sandbox_id: capsule, name: "never" });
    platform.host.reset();
    await platform.post("/v1/snapshots", { sandbox_id: capsule, name: "mine" });
    await platform.request("DELETE", "/v1/snapshots/mine");
    await settled(id, 2);
    expect(told()).toEqual(["template.snapshot.created", "template.snapshot.deleted"]);
    for (const { resource } of receiver.bodies) expect(resource).toEqual({ id: "mine", type: "snapshot" });
    await platform.destroyCapsule(capsule);
  });

  it("tell of a host that goes and comes back", async () => {
    const id = await channel(["host.up", "host.down"]);
    await platform.restartHost();
    await settled(id, 2);
    expect(told()).toEqual(["host.down", "host.up"]);
    expect(receiver.bodies[0]?.["resource"]).toEqual({ id: expect.stringMatching(/^host-/), type: "host" });
  });

  it("tell a team what it wants to know, and nothing of others", async () => {
    const other = await platform.signIn();
    const config = { url: receiver.url };
    await platform.post("/v1/channels", { name: "x", provider: "webhook", config, events: CHANNEL_EVENTS }, other);
    const id = await channel(["capsule.destroyed"]);
    const { id: capsule } = await platform.createCapsule();
    await platform.destroyCapsule(capsule);
    await settled(id, 1);
    expect(told()).toEqual(["capsule.destroyed"]);
    expect(await platform.db.queries.$count(deliveries)).toBe(1);
  });

  it("are signed with the secret that was set last", async () => {
    const id = await channel();
    const config = { url: `${receiver.url}?new` };
    const body = JSON.stringify({ config });
    const { secret = "" } = (await platform.request<Channel>("PUT", `/v1/channels/${id}/config`, { ...user, body }))
      .body;
    const delivery = await leave(id);
    await settled(id, 1);
    const [request] = receiver.requests;
    const signed = `${request?.headers["x-wrenn-timestamp"]}.${request?.body}`;
    const signature = `sha256=${createHmac("sha256", secret).update(signed).digest("hex")}`;
    expect(request).toMatchObject({ method: "POST", path: "/hook?new" });
    expect(request?.headers).toMatchObject({ "x-wrenn-signature": signature, "x-wrenn-delivery": delivery });
  });

  it("are tried again, the same under the same id, and not any more once they have arrived", async () => {
    const id = await channel();
    receiver.answer = (response) => response.writeHead(receiver.requests.length === 1 ? 500 : 200).end();
    const delivery = await leave(id);
    const [done] = await settled(id, 1);
    expect(done).toMatchObject({ uuid: delivery, attempts: 2 });
    expect(done).not.toHaveProperty("last_error");
    // Another one that comes after it shows that nothing came in between.
    await leave(id);
    await settled(id, 2);
    const ids = receiver.requests.map(({ headers }) => headers["x-wrenn-delivery"]);
    expect(ids.slice(0, 2)).toEqual([delivery, delivery]);
    expect(ids).toHaveLength(3);
    expect(new Set(receiver.requests.slice(0, 2).map(({ body }) => body)).size).toBe(1);
  });

  it("are each sent once by several control planes", async () => {
    const others = [new Deliverer(await deps(), deliveryTimes), new Deliverer(await deps(), deliveryTimes)];
    const id = await channel();
    const sent = await Promise.all(Array.from({ length: 100 }, () => leave(id)));
    for (const other of others) other.start();
    await settled(id, 100);
    await Promise.all(others.map((other) => other.close()));
    const ids = receiver.requests.map(({ headers }) => String(headers["x-wrenn-delivery"]));
    expect(ids.toSorted()).toEqual(sent.toSorted());
  });

  it("are dead after the last attempt, for all to see, until someone has them sent again", async () => {
    const id = await channel();
    receiver.answer = 503;
    const uuid = await leave(id);
    const [dead] = await settled(id, 1, "dead");
    expect(dead).toMatchObject({ uuid, attempts: 3, last_error: "the receiver answered 503" });
    expect(dead).not.toHaveProperty("next_attempt_at");
    const resend = () => platform.request<Delivery>("POST", `/v1/channels/${id}/deliveries/${dead?.id}/resend`, user);
    const other = await channel();
    const elsewhere = `/v1/channels/${other}/deliveries/${dead?.id}/resend`;
    expect((await platform.request("POST", elsewhere, user)).status).toBe(404);

    const waiting: ServerResponse[] = [];
    receiver.answer = (response) => void waiting.push(response);
    expect(await resend()).toMatchObject({ status: 202, body: { status: "pending", attempts: 0 } });
    await until(() => waiting.length === 1);
    expect(await resend()).toMatchObject({ status: 409, body: { error: { code: "invalid_state" } } });
    waiting[0]?.writeHead(204).end();
    expect(await settled(id, 1)).toMatchObject([{ uuid, attempts: 1 }]);
    expect(receiver.requests).toHaveLength(4);
  });

  it("wait for no receiver but their own", async () => {
    const waiting: ServerResponse[] = [];
    await using slow = await Receiver.listen((response) => void waiting.push(response));
    const [hangs, well] = [await channel(["host.up"], slow), await channel(["host.up"])];
    // At once: the first one alone would keep the channel busy.
    await platform.db.queries.insert(deliveries).values(Array.from({ length: 20 }, () => due(hangs)));
    await until(() => waiting.length > 0);
    for (let i = 0; i < 20; i++) await leave(well);
    await settled(well, 20);
    expect(slow.requests).toHaveLength(4);
    expect((await list(hangs, "?status=pending")).items).toHaveLength(20);
    slow.answer = 204;
    for (const response of waiting) response.writeHead(204).end();
    await settled(hangs, 20);
  });

  it("are taken over from a process that was killed, and given back by one that ends", async () => {
    const id = await channel();
    await leave(id, { attempts: 1 });
    expect(await settled(id, 1)).toMatchObject([{ attempts: 2 }]);
    await platform.stopControlPlane();
    receiver.answer = () => {};
    const uuid = await leave(id);
    const one = new Deliverer(await deps(), deliveryTimes).start();
    await until(() => receiver.requests.length === 2);
    await one.close();
    const [row] = await platform.db.queries.select().from(deliveries).where(eq(deliveries.id, uuid));
    expect(row).toMatchObject({ status: "pending", attempts: 0 });
    receiver.answer = 204;
    await platform.startControlPlane({ webhookAllow: LOOPBACK }, { deliveryTimes });
    expect(await settled(id, 2)).toHaveLength(2);
  });

  it("are listed page by page, none twice and none left out", async () => {
    const id = await channel();
    const createdAt = new Date();
    // Some of the same millisecond.
    const all = await Promise.all(
      Array.from({ length: 25 }, (_, i) => leave(id, { createdAt: new Date(createdAt.getTime() + (i % 3)) })),
    );
    const ids: string[] = [];
    for (let query = "?limit=4"; ; ) {
      const { items, next_cursor } = await list(id, query);
      ids.push(...items.map(({ uuid }) => uuid));
      if (next_cursor === undefined) break;
      query = `?limit=4&cursor=${next_cursor}`;
    }
    expect(ids).toHaveLength(25);
    expect(ids.toSorted()).toEqual(all.toSorted());
  });

  it("do not keep a change from being made while their channel is deleted", async () => {
    const id = await channel();
    const gone = idToUuid(parseId("channel", id));
    const { id: capsule } = await platform.createCapsule();
    await clear(id);
    const deleting = Promise.withResolvers<void>();
    const deletion = platform.db.queries.transaction(async (tx) => {
      await tx.delete(channels).where(eq(channels.id, gone));
      await deleting.promise;
    });
    const destroyed = platform.request("DELETE", `/v1/capsules/${capsule}`);
    await until(async () => {
      const waits = sql`select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%key share of channels%'`;
      return (await platform.db.queries.execute(waits)).rows.length > 0;
    });
    deleting.resolve();
    await deletion;
    expect((await destroyed).status).toBe(204);
    expect(receiver.requests).toEqual([]);
  });

  it("leave no secret in the log", async () => {
    const parts = await deps();
    const lines: string[] = [];
    for (const level of ["info", "warn", "error"] as const) {
      vi.spyOn(parts.logger, level).mockImplementation(
        (...line: unknown[]) => void lines.push(inspect(line, { depth: 9 })),
      );
    }
    await platform.stopControlPlane();
    const ids: string[] = [];
    const add = async (provider: Provider, config: object) => {
      const { encryption } = parts;
      const [id, teamId] = [randomUUID(), idToUuid(PLATFORM_TEAM)];
      const stored = encryption.encrypt(JSON.stringify(config), id);
      await platform.db.queries.insert(channels).values({ id, teamId, name: id, provider, config: stored, events: [] });
      ids.push(await leave(idFromUuid("channel", id)));
    };
    receiver.answer = (response) => response.writeHead(403).end(SECRET);
    const word = "s3cret-in-a-url";
    await add("webhook", { url: `${receiver.url}/${word}`, secret: SECRET });
    await add("slack", { webhook_url: `http://127.0.0.1:1/${word}` });
    await add("discord", { webhook_url: `http://10.0.0.1/${word}` });
    await add("matrix", { homeserver_url: `http://no-such-host.invalid/${word}`, access_token: word, room_id: "!a" });
    const one = new Deliverer(parts, { pollMs: 20, retryMs: [] }).start();
    const dead = sql`select id, last_error from deliveries where status = 'dead'`;
    const { rows } = await until(async () => {
      const result = await platform.db.queries.execute(dead);
      return result.rows.length === ids.length && result;
    });
    await one.close();
    await platform.startControlPlane({ webhookAllow: LOOPBACK }, { deliveryTimes });
    const log = lines.join("\n");
    for (const id of ids) expect(log).toContain(id);
    for (const text of [log, inspect(rows)]) {
      expect(text).not.toContain(word);
      expect(text).not.toContain(SECRET);
    }
  });
});
