import type { Capsule, CreateCapsule } from "@wrenn/protocol/rest/capsules";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Failure, TestPlatform } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";

describe.each(ENGINES)("creates with an Idempotency-Key on PostgreSQL, $name", (engine) => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
  });
  afterAll(() => platform[Symbol.asyncDispose]());

  const create = <Body = Capsule>(key: string, body: CreateCapsule = {}, headers: Record<string, string> = {}) =>
    platform.post<Body>("/v1/capsules", body, { headers: { "idempotency-key": key, ...headers } });

  it("make one capsule, however often and at the same time they are sent", async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => create("at-once")));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    const [first] = answers;
    expect(new Set(answers.map(({ body }) => body.id))).toEqual(new Set([first?.body.id]));
    expect((await create("at-once")).body.id).toBe(first?.body.id);
    expect((await platform.listCapsules()).filter(({ id }) => id === first?.body.id)).toHaveLength(1);
  });

  it("are told what became of the capsule", async () => {
    const { body } = await create("ended");
    await platform.destroyCapsule(body.id);
    expect((await create("ended")).body).toMatchObject({ id: body.id, status: "stopped" });
  });

  it("are refused for another request", async () => {
    await create("same");
    expect(await create<Failure>("same", { memory_mb: 1024 })).toMatchObject({
      status: 409,
      body: { error: { code: "conflict", message: expect.stringContaining("another request") } },
    });
  });

  it("are each team's own", async () => {
    const [ours, theirs] = [
      await create("shared"),
      await create("shared", {}, { "x-api-key": await platform.otherTeam() }),
    ];
    expect(theirs.status).toBe(201);
    expect(theirs.body.id).not.toBe(ours.body.id);
  });

  it("may be sent again when there was no place for the capsule", async () => {
    const tooMuch = { memory_mb: 262_144 };
    expect((await create<Failure>("later", tooMuch)).status).toBe(503);
    expect((await create<Failure>("later", tooMuch)).status).toBe(503);
    expect((await create("later")).status).toBe(201);
  });

  it.each(["", "x".repeat(256), "a b"])("need a key of visible characters, not %j", async (key) => {
    expect(await create<Failure>(key)).toMatchObject({ status: 400, body: { error: { code: "invalid_request" } } });
  });
});
