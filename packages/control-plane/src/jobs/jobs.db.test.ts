import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { JobList } from "@wrenn/protocol/rest/jobs";
import { waitFor } from "@wrenn/runtime/wait";
import { eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { Database } from "../db/database.ts";
import { sessions } from "../db/schema.ts";
import { type Failure, TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES, silent } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";
import { defineJob, Hopeless } from "./define.ts";
import { Jobs } from "./jobs.ts";
import { purgeEndedSessions } from "./purge-sessions.ts";
import { JOBS } from "./registry.ts";
import { jobDeps } from "./testing/deps.ts";
import { closeGate, counted, flaky, gate, held, stuck, TEST_TIMES } from "./testing/types.ts";

const WORKER = fileURLToPath(new URL("./testing/worker.ts", import.meta.url));

describe.each(ENGINES)("jobs on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let admin: TestUser;
  const works: Jobs[] = [];

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    admin = await platform.signIn({ isAdmin: true });
    await platform.db.queries.execute(sql`create table runs (job text, number int, pid int)`);
    for (let i = 0; i < 2; i++) {
      works.push(new Jobs(jobDeps(platform.db), [counted, flaky, stuck], TEST_TIMES).start());
    }
    await Promise.all(works.map(({ started }) => started));
  }, 60_000);
  afterAll(async () => {
    await Promise.all(works.map((one) => one.close()));
    await platform[Symbol.asyncDispose]();
  });

  const one = () => works[0] as Jobs;
  const runsOf = async (job: string) =>
    (await platform.db.queries.execute<{ number: number; pid: number }>(sql`select * from runs where job = ${job}`))
      .rows;
  const list = async (query = "") =>
    (await platform.request<JobList & Failure>("GET", `/v1/admin/jobs${query}`, admin)).body;

  it("are done once each by two that work, and listed page by page", async () => {
    const numbers = Array.from({ length: 30 }, (_, number) => number);
    await Promise.all(numbers.map((number) => (works[number % 2] ?? one()).send(counted, { number })));
    await until(async () => (await list()).queues.find(({ name }) => name === "counted")?.completed === 30);
    expect((await runsOf("counted")).map(({ number }) => number).toSorted((a, b) => a - b)).toEqual(numbers);

    const ids: string[] = [];
    for (let cursor = ""; ; ) {
      const page = await list(`?name=counted&state=completed&limit=7${cursor}`);
      ids.push(...page.items.map(({ id }) => id));
      expect(page.items.every(({ name, attempts }) => name === "counted" && attempts === 1)).toBe(true);
      if (page.next_cursor === undefined) break;
      cursor = `&cursor=${page.next_cursor}`;
    }
    expect(new Set(ids).size).toBe(30);
    expect(ids.length).toBe(30);
  });

  it("are tried again when they fail, and in the end are failed for all to see, until someone asks once more", async () => {
    await one().send(flaky, { number: 2 });
    await one().send(flaky, { number: 4 });
    const [failed] = await until(async () => {
      const { items } = await list("?state=failed");
      return items.length > 0 && items;
    });
    expect(failed).toMatchObject({ name: "flaky", state: "failed", attempts: 3, error: "attempt 3 fails" });
    expect((await runsOf("flaky")).filter(({ number }) => number === 2)).toHaveLength(2);

    const retry = () => platform.request<Failure>("POST", `/v1/admin/jobs/${failed?.id}/retry`, admin);
    expect((await retry()).status).toBe(204);
    await until(async () => (await list("?name=flaky&state=completed")).items.length === 2);
    expect(await retry()).toMatchObject({ status: 409, body: { error: { code: "invalid_state" } } });
  });

  it("are not tried again when that is no use, but when someone asks", async () => {
    const hopeless = defineJob({
      name: "hopeless",
      data: z.object({}),
      run: () => Promise.reject(new Hopeless("nobody wants it")),
    });
    await using jobs = new Jobs(jobDeps(platform.db), [hopeless], TEST_TIMES).start();
    await jobs.ready();
    await jobs.send(hopeless, {});
    const failedAt = (attempt: number) =>
      until(async () => (await list("?name=hopeless&state=failed")).items.find(({ attempts }) => attempts === attempt));
    const failed = await failedAt(1);
    expect(failed.error).toBe("nobody wants it");
    expect((await platform.request("POST", `/v1/admin/jobs/${failed.id}/retry`, admin)).status).toBe(204);
    await failedAt(2);
  });

  it("do not show the values of a query that failed", async () => {
    const failing = defineJob({
      name: "failing",
      data: z.object({}),
      retries: { limit: 0, delaySec: 1, maxDelaySec: 1 },
      run: async ({ db }) => void (await db.queries.execute(sql`select ${"ann@example.com"}::int`)),
    });
    await using jobs = new Jobs(jobDeps(platform.db), [failing], TEST_TIMES).start();
    await jobs.ready();
    await jobs.send(failing, {});
    const failed = await until(async () => (await list("?name=failing&state=failed")).items[0]);
    expect(failed.error).toBe("query failed: select $1::int");
  });

  it("run again elsewhere when their process is killed", { timeout: 90_000 }, async () => {
    await Promise.all(works.map((work) => work.close()));
    const child = fork(WORKER, [platform.databaseUrl]);
    await once(child, "message");
    const sender = new Jobs(jobDeps(platform.db), [], TEST_TIMES).start();
    await sender.started;
    await sender.send(stuck, { number: 1 });
    await until(async () => (await runsOf("stuck")).length === 1);
    child.kill("SIGKILL");
    await once(child, "exit");

    const other = new Jobs(jobDeps(platform.db), [stuck], TEST_TIMES).start();
    works.push(other);
    // It takes the ten seconds after which a silent process counts as dead.
    const second = await waitFor(async () => (await runsOf("stuck"))[1], { timeoutMs: 50_000 });
    expect(second?.pid).toBe(process.pid);
    await sender.close();
  });

  it("come to their end before what works on them does", async () => {
    closeGate();
    const jobs = new Jobs(jobDeps(platform.db), [held], TEST_TIMES).start();
    await jobs.started;
    await jobs.send(held, { number: 1 });
    await gate.reached.promise;
    const closed = jobs.close();
    expect(await runsOf("held")).toEqual([]);
    gate.open.resolve();
    await closed;
    expect(await runsOf("held")).toHaveLength(1);
    expect((await list("?name=held")).items).toMatchObject([{ state: "completed", attempts: 1 }]);
  });

  it("send others until their end", async () => {
    closeGate();
    const passedOn = defineJob({
      name: "passed-on",
      data: z.object({}),
      async run() {
        gate.reached.resolve();
        await gate.open.promise;
        await jobs.send(counted, { number: 99 });
      },
    });
    const jobs: Jobs = new Jobs(jobDeps(platform.db), [counted, passedOn], TEST_TIMES).start();
    await jobs.ready();
    await jobs.send(passedOn, {});
    await gate.reached.promise;
    const closed = jobs.close();
    gate.open.resolve();
    await closed;
    expect((await list("?name=passed-on")).items).toMatchObject([{ state: "completed", attempts: 1 }]);
  });

  it("remove sessions that are over, every hour", async () => {
    const { id: userId } = await platform.signIn();
    const [over, good] = [randomUUID(), randomUUID()];
    await platform.db.queries.insert(sessions).values([
      { id: over, userId, expiresAt: new Date(0) },
      { id: good, userId, expiresAt: new Date(Date.now() + 3_600_000) },
    ]);
    const { rows } = await platform.db.queries.execute(sql`select name, cron from pgboss.schedule`);
    for (const { name, cron } of JOBS.filter((job) => job.cron !== undefined))
      expect(rows).toContainEqual({ name, cron });
    const jobs = new Jobs(jobDeps(platform.db), JOBS, TEST_TIMES).start();
    await jobs.started;
    await jobs.send(purgeEndedSessions, {});
    await until(async () => (await platform.db.queries.$count(sessions, eq(sessions.id, over))) === 0);
    expect(await platform.db.queries.$count(sessions, eq(sessions.id, good))).toBe(1);
    await jobs.close();
  });

  it("keep no control plane from starting and serving while their tables cannot be reached", async () => {
    await platform.stopControlPlane();
    const locked = Promise.withResolvers<void>();
    const unlock = Promise.withResolvers<void>();
    const lock = platform.db.queries.transaction(async (tx) => {
      await tx.execute(sql`lock table pgboss.version, pgboss.queue in access exclusive mode`);
      locked.resolve();
      await unlock.promise;
    });
    await locked.promise;
    await platform.startControlPlane();
    const { id } = await platform.createCapsule();
    await platform.destroyCapsule(id);
    const ask = () => platform.request<Failure>("GET", "/v1/admin/jobs", admin);
    expect(await ask()).toMatchObject({ status: 503, body: { error: { code: "database_unavailable" } } });
    expect((await platform.request("GET", "/metrics")).status).toBe(200);
    unlock.resolve();
    await lock;
    await platform.retry(ask, 200);
  });

  it("wait for a database that is away, and work when it is back", async () => {
    const away = new Database(platform.databaseUrl.replace(/\/[^/?]+(\?|$)/, "/not_there_yet$1"), silent);
    const jobs = new Jobs(jobDeps(away), [counted], TEST_TIMES).start();
    for (const refused of [() => jobs.send(counted, { number: 1 }), () => jobs.ready()]) {
      await expect(refused()).rejects.toMatchObject({ code: "database_unavailable" });
    }
    await platform.db.queries.execute(sql`create database not_there_yet`);
    await jobs.started;
    expect(jobs.running).toBe(true);
    await jobs.close();
    await away.close();
  });

  it("are for administrators of the platform only", async () => {
    const owner = await platform.signIn();
    for (const [method, path] of [
      ["GET", "/v1/admin/jobs"],
      ["POST", "/v1/admin/jobs/job-1/retry"],
    ] as const) {
      expect((await platform.request(method, path, owner)).status).toBe(403);
    }
    const unknown = "/v1/admin/jobs/job-0000000000000000000000001/retry";
    expect((await platform.request("POST", unknown, admin)).status).toBe(404);
    expect((await platform.request("GET", "/v1/admin/jobs?cursor=x", admin)).status).toBe(400);
  });
});
