import { WrennError } from "@wrenn/protocol/errors";
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import type { MetricTier } from "@wrenn/protocol/metric-tiers";
import type { CapsuleMetrics } from "@wrenn/protocol/rest/metrics";
import { eq } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { capsuleMetrics } from "../db/schema.ts";
import { type Failure, TestPlatform } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";
import { purgeMetrics } from "../usage/purge.ts";

const HOUR = 3600;

describe.each(ENGINES)("metrics of capsules on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());
  afterEach(() => platform.clear());

  const now = () => Math.floor(Date.now() / 1000);
  const ask = (id: string, range = "") =>
    platform.request<CapsuleMetrics & Failure>("GET", `/v1/capsules/${id}/metrics${range && `?range=${range}`}`);
  /** percentages of the points, which tell them apart */
  const shown = async (id: string, range = "") => (await ask(id, range)).body.points.map(({ cpu_pct: cpu }) => cpu);
  const measure = (id: string, tier: MetricTier, ago: number, cpuPct: number) =>
    platform.host.measured.measure(id, tier, now() - ago, cpuPct);

  const rowsOf = (id: string) =>
    platform.db.queries
      .select()
      .from(capsuleMetrics)
      .where(eq(capsuleMetrics.capsuleId, idToUuid(parseId("capsule", id))));

  it("are its host's while it runs", async () => {
    const { id } = await platform.createCapsule();
    expect((await ask(id)).body).toEqual({ sandbox_id: id, range: "10m", points: [] });
    measure(id, "10m", 3, 12.345);
    measure(id, "2h", 60, 7);
    const { body } = await ask(id);
    const point = { timestamp_unix: expect.any(Number), cpu_pct: 12.35, mem_bytes: 1_000_000, disk_bytes: 4096 };
    expect(body).toEqual({ sandbox_id: id, range: "10m", points: [point] });
    expect(await shown(id, "1h")).toEqual([7]);
    expect(await rowsOf(id)).toEqual([]);
  });

  it("stay when it is paused, and go on when it runs again", async () => {
    const { id } = await platform.createCapsule();
    measure(id, "10m", 20, 1);
    measure(id, "10m", 19, 2);
    measure(id, "2h", 30, 3);
    measure(id, "24h", HOUR, 4);
    await platform.act(id, "pause");
    await platform.host.kill();
    expect([await shown(id), await shown(id, "2h"), await shown(id, "24h")]).toEqual([[1, 2], [3], [4]]);
    await platform.host.listen();
    await platform.waitForHost("online");
    await platform.act(id, "resume");
    measure(id, "10m", 5, 9);
    expect(await shown(id)).toEqual([1, 2, 9]);
  });

  it.each([
    ["5m", "10m", 299, 301],
    ["10m", "10m", 599, 601],
    ["1h", "2h", HOUR - 1, HOUR + 1],
    ["12h", "24h", 12 * HOUR - 1, 12 * HOUR + 1],
  ] as const)("of %s are those of so long", async (range, tier, within, before) => {
    const { id } = await platform.createCapsule();
    // A second may pass until the question.
    measure(id, tier, before, 1);
    measure(id, tier, within - 30, 2);
    await platform.act(id, "pause");
    expect(await shown(id, range)).toEqual([2]);
  });

  it("stay when its host paused it by itself", async () => {
    const { id } = await platform.createCapsule({ timeout_sec: 60 });
    measure(id, "10m", 5, 1);
    platform.host.idle(id);
    await platform.waitForCapsule(id, ({ status }) => status === "paused");
    await until(async () => (await rowsOf(id)).length === 1);
  });

  it("stay when it is saved and left paused", async () => {
    const { id } = await platform.createCapsule();
    measure(id, "10m", 5, 1);
    await platform.post("/v1/snapshots", { sandbox_id: id, pause: true });
    expect(await rowsOf(id)).toHaveLength(1);
  });

  it("outlive its end by a day", async () => {
    const { id } = await platform.createCapsule();
    measure(id, "24h", HOUR, 5);
    measure(id, "24h", 23 * HOUR, 6);
    await platform.destroyCapsule(id);
    expect(await shown(id, "24h")).toEqual([6, 5]);
    const later = new Date(Date.now() + 2 * HOUR * 1000);
    await Promise.all([purgeMetrics(platform.db, later), purgeMetrics(platform.db, later)]);
    expect(await shown(id, "24h")).toEqual([5]);
  });

  it("stay when it ends by itself", async () => {
    const { id } = await platform.createCapsule();
    measure(id, "10m", 5, 1);
    platform.host.change(id, { status: "error", endReason: "oom", endMessage: "out of memory" });
    await until(async () => !platform.host.machines.has(id));
    expect(await shown(id)).toEqual([1]);
  });

  it("hold nothing up when they cannot be had", async () => {
    const { id } = await platform.createCapsule();
    platform.host.failAt("metrics.flush", new WrennError("internal_error", "no"));
    expect((await platform.act(id, "pause")).status).toBe(200);
    await platform.destroyCapsule(id);
    expect(await shown(id)).toEqual([]);
  });

  it("with times that cannot be are not kept", async () => {
    const { id } = await platform.createCapsule();
    measure(id, "10m", -3 * 24 * HOUR, 1);
    measure(id, "10m", 3 * 24 * HOUR, 2);
    await platform.act(id, "pause");
    expect(await rowsOf(id)).toEqual([]);
  });

  it("are for the team only, and of ranges that there are", async () => {
    const { id } = await platform.createCapsule();
    expect((await ask(id, "3h")).body.error.code).toBe("invalid_request");
    const key = await platform.otherTeam();
    const { status } = await platform.request("GET", `/v1/capsules/${id}/metrics`, { headers: { "x-api-key": key } });
    expect(status).toBe(404);
  });
});
