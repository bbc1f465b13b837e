import { randomUUID } from "node:crypto";
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import type { Stats, Usage } from "@wrenn/protocol/rest/usage";
import { asc, eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { capsuleSpans, dailyUsage } from "../db/schema.ts";
import { type Failure, TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { dayOf, rollUpDays, usageOfTeam } from "./days.ts";
import { purgeSpans } from "./purge.ts";
import { statsOfTeam } from "./stats.ts";

const HOUR_MS = 3600 * 1000;
const DAY_MS = 24 * HOUR_MS;

const at = (text: string) => new Date(`${text}Z`);

describe.each(ENGINES)("usage on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let user: TestUser;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  // Days are added up for all teams at once, so nothing of another test may be there.
  beforeEach(async () => {
    await platform.clear();
    await platform.db.queries.delete(capsuleSpans);
    await platform.db.queries.delete(dailyUsage);
    user = await platform.signIn();
  });

  async function held(since: Date, until: Date | "infinity", what = { running: 1, vcpus: 2, memoryMb: 512 }) {
    const span = { capsuleId: randomUUID(), teamId: user.teamId, since, ...what };
    await platform.db.queries
      .insert(capsuleSpans)
      .values({ ...span, until: until === "infinity" ? sql`'infinity'` : until });
    return span.capsuleId;
  }

  const ask = <Body>(path: string) =>
    platform.request<Body & Failure>("GET", `/v1/capsules/${path}`, { headers: user.headers });

  const days = (from: string, to: string, now: Date) => usageOfTeam(platform.db, user.teamId, { from, to }, now);

  async function spansOf(id: string) {
    return platform.db.queries
      .select({
        since: capsuleSpans.since,
        until: sql<string>`${capsuleSpans.until}::text`,
        running: capsuleSpans.running,
        vcpus: capsuleSpans.vcpus,
        memoryMb: capsuleSpans.memoryMb,
      })
      .from(capsuleSpans)
      .where(eq(capsuleSpans.capsuleId, idToUuid(parseId("capsule", id))))
      .orderBy(asc(capsuleSpans.id));
  }

  it("has a span for each stretch in which a capsule held the same, and no time between them", async () => {
    const { id } = await platform.createCapsule({ vcpus: 2, memory_mb: 257 });
    await platform.act(id, "pause");
    await platform.act(id, "resume");
    const [first, second, third, ...rest] = await spansOf(id);
    expect(rest).toEqual([]);
    expect(first).toMatchObject({ running: 1, vcpus: 2, memoryMb: 257 });
    expect(second).toMatchObject({ running: 0, vcpus: 0, memoryMb: 129, since: new Date(first?.until ?? "") });
    expect(third).toMatchObject({ running: 1, vcpus: 2, since: new Date(second?.until ?? ""), until: "infinity" });
    await platform.destroyCapsule(id);
    const spans = await spansOf(id);
    expect(spans).toHaveLength(3);
    expect(spans.map(({ until }) => until)).not.toContain("infinity");
  });

  it("ends what a host paused by itself when the host says that it did", async () => {
    const { id } = await platform.createCapsule();
    const created = new Date(Date.now() - 2 * HOUR_MS);
    await platform.db.queries.update(capsuleSpans).set({ since: created });
    const pausedAt = Math.floor((Date.now() - HOUR_MS) / 1000);
    await platform.restartHost(() => {
      platform.host.change(id, { status: "paused", pauseReason: "idle", pausedAtUnix: BigInt(pausedAt) });
    });
    await platform.waitForCapsule(id, ({ status }) => status === "paused");
    const [ran, rests] = await spansOf(id);
    expect(ran).toMatchObject({ running: 1, since: created });
    expect(new Date(ran?.until ?? "").getTime()).toBe(pausedAt * 1000);
    expect(rests).toMatchObject({ running: 0, since: new Date(pausedAt * 1000), until: "infinity" });
  });

  it("ends what ended by itself when the host says that it did", async () => {
    const { id } = await platform.createCapsule();
    await platform.db.queries.update(capsuleSpans).set({ since: new Date(Date.now() - 2 * HOUR_MS) });
    const endedAt = Math.floor((Date.now() - HOUR_MS) / 1000);
    await platform.restartHost(() => {
      platform.host.change(id, { status: "error", endReason: "crash", endedAtUnix: BigInt(endedAt) });
    });
    const { ended_at } = await platform.waitForCapsule(id, ({ status }) => status === "error");
    expect(Date.parse(ended_at ?? "")).toBe(endedAt * 1000);
    expect((await spansOf(id)).map(({ until }) => new Date(until).getTime())).toEqual([endedAt * 1000]);
  });

  it("counts nothing while a host is lost, and goes on when it is back", async () => {
    const { id } = await platform.createCapsule();
    await platform.stopControlPlane();
    await platform.setState(id, "missing");
    expect((await spansOf(id)).map(({ until }) => until)).not.toContain("infinity");
    await platform.startControlPlane();
    await platform.waitForCapsule(id, ({ status }) => status === "running");
    expect(await spansOf(id)).toMatchObject([{ running: 1 }, { running: 1, until: "infinity" }]);
  });

  it("adds up to the second, splits at midnight, and counts today until now", async () => {
    await held(at("2026-03-01T23:30:00"), at("2026-03-02T00:15:30"));
    await held(at("2026-03-03T10:00:00"), "infinity", { running: 0, vcpus: 0, memoryMb: 100 });
    const expected = [
      { day: "2026-03-01", cpuMinutes: 60, ramMbMinutes: 30 * 512 },
      { day: "2026-03-02", cpuMinutes: 31, ramMbMinutes: 15.5 * 512 },
      { day: "2026-03-03", cpuMinutes: 0, ramMbMinutes: 60 * 100 },
    ];
    const now = at("2026-03-03T11:00:00");
    expect(await days("2026-02-01", "2026-03-03", now)).toEqual(expected);
    expect(await days("2026-03-02", "2026-03-02", now)).toEqual(expected.slice(1, 2));
    await rollUpDays(platform.db, now);
    expect(await days("2026-02-01", "2026-03-31", now)).toEqual(expected);
  });

  it("adds up all days that an outage left out, once, whoever does it and however often", async () => {
    await held(at("2026-03-01T00:00:00"), "infinity", { running: 1, vcpus: 1, memoryMb: 10 });
    await rollUpDays(platform.db, at("2026-03-02T01:00:00"));
    const now = at("2026-03-08T01:00:00");
    await Promise.all(Array.from({ length: 5 }, () => rollUpDays(platform.db, now)));
    const rows = await platform.db.queries.select().from(dailyUsage).orderBy(asc(dailyUsage.day));
    expect(rows).toEqual(
      [1, 2, 3, 4, 5, 6, 7].map((day) => ({
        teamId: user.teamId,
        day: `2026-03-0${day}`,
        cpuMinutes: 1440,
        ramMbMinutes: 14_400,
      })),
    );
  });

  it("adds yesterday up anew when a pause of then is heard of today", async () => {
    const id = await held(at("2026-03-01T12:00:00"), "infinity", { running: 1, vcpus: 1, memoryMb: 1 });
    await rollUpDays(platform.db, at("2026-03-02T00:10:00"));
    await platform.db.queries
      .update(capsuleSpans)
      .set({ until: at("2026-03-01T13:00:00") })
      .where(eq(capsuleSpans.capsuleId, id));
    await rollUpDays(platform.db, at("2026-03-02T01:10:00"));
    expect(await days("2026-03-01", "2026-03-02", at("2026-03-02T02:00:00"))).toMatchObject([{ cpuMinutes: 60 }]);
  });

  it("adds up anew what a host tells days later, and the days in which nothing was held after all", async () => {
    const { id } = await platform.createCapsule();
    const today = Date.parse(dayOf(new Date()));
    await platform.db.queries.update(capsuleSpans).set({ since: new Date(today - 6 * DAY_MS) });
    const now = new Date(today + HOUR_MS);
    await rollUpDays(platform.db, now);
    expect(await platform.db.queries.$count(dailyUsage)).toBe(6);
    const endedAtUnix = BigInt((today - 5 * DAY_MS + HOUR_MS) / 1000);
    await platform.restartHost(() => platform.host.change(id, { status: "error", endReason: "crash", endedAtUnix }));
    await platform.waitForCapsule(id, ({ status }) => status === "error");
    for (const _again of [1, 2]) {
      await rollUpDays(platform.db, now);
      const rows = await platform.db.queries.select().from(dailyUsage).orderBy(asc(dailyUsage.day));
      expect(rows.map(({ day, cpuMinutes }) => [day, cpuMinutes])).toEqual([
        [dayOf(new Date(today - 6 * DAY_MS)), 1440],
        [dayOf(new Date(today - 5 * DAY_MS)), 60],
      ]);
    }
  });

  it("leaves what is older than the spans that are kept", async () => {
    await held(at("2026-01-01T00:00:00"), at("2026-01-01T01:00:00"));
    const id = await held(at("2026-01-01T00:00:00"), "infinity");
    const now = at("2026-03-21T01:00:00");
    await rollUpDays(platform.db, now);
    const old = () => days("2026-01-01", "2026-01-20", now);
    const before = await old();
    await platform.db.queries
      .update(capsuleSpans)
      .set({ until: at("2026-01-01T02:00:00"), closedAt: now })
      .where(eq(capsuleSpans.capsuleId, id));
    await rollUpDays(platform.db, now);
    expect(await old()).toEqual(before);
    expect(await days("2026-01-22", "2026-03-21", now)).toEqual([]);
  });

  it("forgets old spans only when their days are added up", async () => {
    await held(at("2026-01-01T00:00:00"), at("2026-01-01T01:00:00"));
    await held(at("2026-03-20T00:00:00"), at("2026-03-20T01:00:00"));
    const now = at("2026-03-21T01:00:00");
    const count = () => platform.db.queries.$count(capsuleSpans);
    await purgeSpans(platform.db, now);
    expect(await count()).toBe(2);
    await rollUpDays(platform.db, now);
    await Promise.all([purgeSpans(platform.db, now), purgeSpans(platform.db, now)]);
    expect(await count()).toBe(1);
    await rollUpDays(platform.db, now);
    expect(await days("2026-01-01", "2026-03-21", now)).toMatchObject([
      { day: "2026-01-01", cpuMinutes: 120 },
      { day: "2026-03-20", cpuMinutes: 120 },
    ]);
  });

  it("knows what was held at most in each bucket, also between its changes", async () => {
    const now = at("2026-03-03T10:00:10");
    await held(at("2026-03-03T09:58:20"), at("2026-03-03T09:59:10"), { running: 1, vcpus: 4, memoryMb: 400 });
    // One is replaced by the other at the same moment: they were never there together.
    await held(at("2026-03-03T09:59:10"), at("2026-03-03T09:59:20"), { running: 1, vcpus: 3, memoryMb: 300 });
    await held(at("2026-03-03T10:00:00"), "infinity", { running: 0, vcpus: 0, memoryMb: 50 });
    await held(at("2026-02-20T00:00:00"), at("2026-02-20T00:00:01"), { running: 9, vcpus: 9, memoryMb: 9 });
    const { current, peaks, series } = await statsOfTeam(platform.db, user.teamId, { buckets: 5, seconds: 30 }, now);
    expect(series).toEqual([
      { start: at("2026-03-03T09:58:00"), running: 1, vcpus: 4, memoryMb: 400 },
      { start: at("2026-03-03T09:58:30"), running: 1, vcpus: 4, memoryMb: 400 },
      { start: at("2026-03-03T09:59:00"), running: 1, vcpus: 4, memoryMb: 400 },
      { start: at("2026-03-03T09:59:30"), running: 0, vcpus: 0, memoryMb: 0 },
      { start: at("2026-03-03T10:00:00"), running: 0, vcpus: 0, memoryMb: 50 },
    ]);
    expect(current).toEqual({ running: 0, vcpus: 0, memoryMb: 50 });
    expect(peaks).toEqual({ running: 9, vcpus: 9, memoryMb: 400 });
  });

  it("answers with the stats of one's own team", async () => {
    const two = [await platform.createCapsule({ vcpus: 2, memory_mb: 300 }), await platform.createCapsule()];
    await platform.act(two[0]?.id ?? "", "pause");
    const { body } = await platform.request<Stats>("GET", "/v1/capsules/stats?range=5m");
    expect(body.current).toEqual({ running_count: 1, vcpus_reserved: 1, memory_mb_reserved: 512 + 150 });
    expect(body.peaks).toMatchObject({ running_count: 2, vcpus: 3, memory_mb: 812 });
    expect(body.series.labels).toHaveLength(100);
    expect(body.series.running.at(-1)).toBeGreaterThanOrEqual(1);
    const { body: other } = await ask<Stats>("stats");
    expect(other).toMatchObject({ range: "1h", current: { running_count: 0 }, peaks: { memory_mb: 0 } });
    expect((await ask("stats?range=2h")).status).toBe(400);
  });

  it("answers with the use of thirty days unless told otherwise, and of 92 at most", async () => {
    const today = dayOf(new Date());
    const before = (count: number) => dayOf(new Date(Date.parse(today) - count * DAY_MS));
    await held(new Date(Date.parse(today) - 40 * DAY_MS), new Date(Date.parse(today) - 40 * DAY_MS + 90_000));
    await held(new Date(Date.parse(today) - HOUR_MS), new Date(Date.parse(today) - HOUR_MS + 1000));
    const { body } = await ask<Usage>("usage");
    expect(body).toEqual({
      from: before(29),
      to: today,
      points: [{ date: before(1), cpu_minutes: 0.033, ram_mb_minutes: 8.533 }],
    });
    const all = await ask<Usage>(`usage?from=${before(92)}`);
    expect(all.body.points.map(({ date }) => date)).toEqual([before(40), before(1)]);
    expect((await ask<Usage>(`usage?to=${before(35)}`)).body).toMatchObject({ from: before(64), to: before(35) });
    const wrong = [
      [`from=${before(93)}`, /93 days/],
      [`from=${today}&to=${before(1)}`, /must not be after/],
      ["from=2026-02-30", /from/],
      ["from=0000-01-01&to=0000-01-02", /1970/],
    ] as const;
    for (const [query, message] of wrong) {
      const { status, body: failure } = await ask(`usage?${query}`);
      expect([status, failure.error.code]).toEqual([400, "invalid_request"]);
      expect(failure.error.message).toMatch(message);
    }
  });
});
