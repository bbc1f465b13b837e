import { randomUUID } from "node:crypto";
import { idFromUuid } from "@wrenn/protocol/ids";
import type { NewApiKey } from "@wrenn/protocol/rest/api-keys";
import type { Capsule, CreateCapsule } from "@wrenn/protocol/rest/capsules";
import { eq, sql } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startControlPlane } from "../control-plane.ts";
import { apiKeys, auditLogs, idempotencyKeys } from "../db/schema.ts";
import { purgeIdempotencyKeys } from "../idempotency/keys.ts";
import { type Failure, TestPlatform } from "../testing/platform.ts";
import { ENGINES, silent } from "../testing/postgres.ts";
import { ROUTE_CASES } from "../testing/route-cases.ts";
import { routeTable } from "../testing/route-table.ts";
import { sendCase } from "../testing/send-case.ts";
import { EVERYTHING, World } from "../testing/world.ts";

const CREATES = routeTable().filter(
  ({ method, statuses, access }) =>
    method === "POST" && statuses.includes(201) && ["team", "member", "user"].includes(access.who),
);

describe.each(ENGINES)("an Idempotency-Key on PostgreSQL, $name", (engine) => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine, EVERYTHING);
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());
  afterEach(() => platform.host.reset());

  type Sent = { readonly headers?: Record<string, string>; readonly signal?: AbortSignal };
  const create = <Body = Capsule>(key: string, body: CreateCapsule = {}, { headers = {}, ...init }: Sent = {}) =>
    platform.post<Body>("/v1/capsules", body, { ...init, headers: { "idempotency-key": key, ...headers } });
  const makeKey = <Body = NewApiKey>(key: string, headers: Record<string, string>) =>
    platform.post<Body>("/v1/api-keys", { name: key }, { headers: { "idempotency-key": key, ...headers } });
  /** As if the process had been killed-before it could store its answer. */
  const breakOff = (changes: { id?: string } = {}) =>
    platform.db.queries
      .update(idempotencyKeys)
      .set({ answer: null, ...changes })
      .where(eq(idempotencyKeys.createdAt, sql`(SELECT max(created_at) FROM idempotency_keys)`));

  it("is for all creates", () => expect(CREATES.length).toBeGreaterThanOrEqual(10));

  it.each(CREATES)("$name: does nothing the second time, and answers the same", async (route) => {
    await using world = await World.make(platform);
    const target = (await ROUTE_CASES[route.name]?.target(world)) ?? {};
    const requestId = `test-${randomUUID()}`;
    const headers = { ...world.owner.headers, "idempotency-key": randomUUID(), "x-request-id": requestId };
    const first = await sendCase(platform, route, target, headers);
    expect(first.status, JSON.stringify(first.body)).toBe(201);
    const second = await sendCase(platform, route, target, headers);
    expect([second.status, second.body]).toEqual([201, first.body]);
    const entries = await platform.db.queries.select().from(auditLogs).where(eq(auditLogs.requestId, requestId));
    expect(entries).toHaveLength(1);
  });

  it("makes one capsule, however often and at the same time it is sent", async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => create("at-once")));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    const [first] = answers;
    expect(new Set(answers.map(({ body }) => body.id))).toEqual(new Set([first?.body.id]));
    expect(answers.filter(({ headers }) => headers.get("idempotency-replayed") === "true")).toHaveLength(9);
    expect((await platform.listCapsules()).filter(({ id }) => id === first?.body.id)).toHaveLength(1);
  });

  it("makes one capsule when its client leaves and asks another control plane meanwhile", async () => {
    await using other = await startControlPlane(platform.configOf(EVERYTHING), silent);
    const held = platform.host.holdAt("create.before");
    const leave = new AbortController();
    const first = create("left", {}, { signal: leave.signal });
    const left = expect(first).rejects.toThrow();
    await held.reached;
    leave.abort();
    await left;
    const headers = { "x-api-key": platform.key, "idempotency-key": "left", "content-type": "application/json" };
    const second = fetch(`${other.url}/v1/capsules`, { method: "POST", headers, body: "{}" });
    held.release();
    const answer = await second;
    const { id } = (await answer.json()) as Capsule;
    expect(answer.status).toBe(201);
    expect((await create("left")).body.id).toBe(id);
  });

  it("answers with what the first request was told, not with what is there now", async () => {
    const { body } = await create("ended");
    await platform.destroyCapsule(body.id);
    expect((await create("ended")).body).toEqual(body);
  });

  it("is refused for another request", async () => {
    const { body } = await create("same");
    const message = expect.stringContaining("another request");
    const refusal = { status: 409, body: { error: { code: "conflict", message } } };
    expect(await create<Failure>("same", { memory_mb: 1024 })).toMatchObject(refusal);
    const elsewhere = await platform.post(
      "/v1/snapshots",
      { sandbox_id: body.id },
      { headers: { "idempotency-key": "same" } },
    );
    expect(elsewhere).toMatchObject(refusal);
    const headers = { "idempotency-key": "checkpoint" };
    expect((await platform.act(body.id, "checkpoints", {}, { headers })).status).toBe(201);
    const { body: another } = await create("another");
    expect(await platform.act(another.id, "checkpoints", {}, { headers })).toMatchObject(refusal);
  });

  it("is each team's own, and each user's", async () => {
    const other = await platform.otherTeam();
    const [ours, theirs] = [await create("shared"), await create("shared", {}, { headers: { "x-api-key": other } })];
    expect(theirs.status).toBe(201);
    expect(theirs.body.id).not.toBe(ours.body.id);
    const owner = await platform.signIn();
    const member = await platform.signIn({ teamId: owner.teamId, role: "member" });
    const keys = [await makeKey("shared", owner.headers), await makeKey("shared", member.headers)];
    expect(new Set(keys.map(({ body }) => body.key)).size).toBe(2);
  });

  it("may be sent again after an answer that says that nothing was done", async () => {
    const tooMuch = { memory_mb: 262_144 };
    expect((await create<Failure>("later", tooMuch)).status).toBe(400);
    expect((await create<Failure>("later", tooMuch)).status).toBe(400);
    expect((await create("later")).status).toBe(201);
  });

  it("goes on with a create that was begun by a process that is no more", async () => {
    const { status, body } = await create("killed-after");
    expect(status).toBe(201);
    await breakOff();
    expect((await create("killed-after")).body.id).toBe(body.id);
    const id = randomUUID();
    await create("killed-before");
    await breakOff({ id });
    expect((await create("killed-before")).body.id).toBe(idFromUuid("capsule", id));
  });

  it("does nothing twice of what cannot be gone on with", async () => {
    const user = await platform.signIn();
    await makeKey("killed", user.headers);
    await breakOff();
    expect(await makeKey<Failure>("killed", user.headers)).toMatchObject({
      status: 409,
      body: { error: { code: "conflict", message: expect.stringContaining("is not known") } },
    });
    expect(await platform.db.queries.select().from(apiKeys).where(eq(apiKeys.teamId, user.teamId))).toHaveLength(1);
  });

  it("leaves no secret in the tables", async () => {
    const user = await platform.signIn();
    const { body } = await makeKey("secret", user.headers);
    const stored = await platform.db.queries.select().from(idempotencyKeys);
    expect(stored.length).toBeGreaterThan(0);
    expect(JSON.stringify(stored)).not.toContain(body.key);
  });

  it("is forgotten after a day", async () => {
    const { body } = await create("old");
    await platform.db.queries.update(idempotencyKeys).set({ createdAt: sql`now() - interval '25 hours'` });
    const second = await create("old");
    expect(second.body.id).not.toBe(body.id);
    await purgeIdempotencyKeys(platform.db);
    const left = await platform.db.queries.select().from(idempotencyKeys);
    expect(left).toHaveLength(1);
    expect((await create("old")).body.id).toBe(second.body.id);
  });

  it.each(["", "x".repeat(256), "a b"])("has to be of visible characters, not %j", async (key) => {
    expect(await create<Failure>(key)).toMatchObject({ status: 400, body: { error: { code: "invalid_request" } } });
  });
});
