import type { Capsule } from "@wrenn/protocol/rest/capsules";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { capsules } from "../../db/schema.ts";
import { TestPlatform } from "../../testing/platform.ts";
import { ENGINES } from "../../testing/postgres.ts";

describe.each(ENGINES)("the list of capsules on PostgreSQL, $name", (engine) => {
  let platform: TestPlatform;
  let made: Capsule[];

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    made = [];
    for (let n = 0; n < 7; n++) made.unshift(await platform.createCapsule());
  });
  afterAll(() => platform[Symbol.asyncDispose]());

  const ids = (list: readonly Capsule[]) => list.map(({ id }) => id);
  const list = (query = "") => platform.request<Capsule[]>("GET", `/v1/capsules${query}`);

  it("has each as GET of it alone has, and follows every change", async () => {
    expect((await list()).body).toEqual(made);
    const [first] = made;
    await platform.request("POST", `/v1/capsules/${first?.id}/pause`);
    const paused = (await list()).body[0];
    expect(paused).toMatchObject({ id: first?.id, status: "paused" });
    expect(paused).toEqual((await platform.request("GET", `/v1/capsules/${first?.id}`)).body);
    await platform.request("POST", `/v1/capsules/${first?.id}/resume`);
    expect((await list()).body[0]).toMatchObject({ id: first?.id, status: "running" });
  });

  it("comes in pages that miss nothing and repeat nothing, also of capsules of one moment", async () => {
    const moment = new Date("2026-01-01T00:00:00.123Z");
    await platform.db.queries.update(capsules).set({ createdAt: moment });
    const seen: string[] = [];
    for (let query = "?limit=2"; ; ) {
      const page = await list(query);
      seen.push(...ids(page.body));
      const next = page.headers.get("x-next-cursor");
      if (next === null) break;
      expect(page.body).toHaveLength(2);
      query = `?limit=2&cursor=${next}`;
    }
    expect(seen).toHaveLength(7);
    expect(seen.toSorted()).toEqual(ids(made).toSorted());
  });

  it("shows only what is asked for", async () => {
    const [id = ""] = ids(made);
    await platform.request("POST", `/v1/capsules/${id}/pause`);
    expect(ids((await list("?status=paused")).body)).toEqual([id]);
    expect((await list("?status=paused,running")).body).toHaveLength(7);
    const uuid = (await platform.db.queries.select().from(capsules).where(eq(capsules.state, "paused")))[0]?.id ?? "";
    await platform.db.queries
      .update(capsules)
      .set({ metadata: { job: "7", kind: "x y" } })
      .where(eq(capsules.id, uuid));
    expect(ids((await list(`?metadata=${encodeURIComponent("job=7&kind=x y")}`)).body)).toEqual([id]);
    expect((await list(`?metadata=${encodeURIComponent("job=8")}`)).body).toEqual([]);
  });

  it.each(["?limit=0", "?limit=1001", "?limit=x", "?cursor=x", "?status=sleeping"])("refuses %s", async (query) => {
    expect(await list(query)).toMatchObject({ status: 400, body: { error: { code: "invalid_request" } } });
  });
});
