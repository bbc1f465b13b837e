import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newEmail, PASSWORD, People } from "../testing/people.ts";
import { ENGINES } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";

describe.each(ENGINES)("mails that cannot be stored yet on PostgreSQL $name", (engine) => {
  let people: People;
  beforeAll(async () => {
    people = await People.start(engine);
  }, 60_000);
  afterAll(() => people[Symbol.asyncDispose]());

  /** Keeps background work from beginning. Returns the process of the database that does so, and what lets it begin. */
  async function lockJobs(): Promise<{ pid: number; unlock: () => Promise<void> }> {
    const locked = Promise.withResolvers<number>();
    const unlock = Promise.withResolvers<void>();
    const lock = people.platform.db.queries.transaction(async (tx) => {
      await tx.execute(sql`lock table pgboss.version, pgboss.queue in access exclusive mode`);
      const { rows } = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
      locked.resolve(rows[0]?.pid ?? 0);
      await unlock.promise;
    });
    const end = () => {
      unlock.resolve();
      return lock;
    };
    return { pid: await locked.promise, unlock: end };
  }

  it("are refused for now, and hold nothing meanwhile", async () => {
    const auths = [];
    for (let i = 0; i < 4; i++) auths.push(await people.join());
    const [changing, creating, inviting, leaving] = auths;
    await people.platform.stopControlPlane();
    const { pid, unlock } = await lockJobs();
    await people.restart();
    const ask = () => [
      people.signUp(newEmail()),
      people.post("/v1/me/password", { current_password: PASSWORD, new_password: "another one" }, changing),
      people.post("/v1/teams", { name: "Another" }, creating),
      people.post(`/v1/teams/${inviting?.team_id}/members`, { email: newEmail(), role: "member" }, inviting),
      people.request("DELETE", "/v1/me", leaving, { confirmation: leaving?.email }),
    ];
    let answered = false;
    const answers = Promise.all(ask()).finally(() => {
      answered = true;
    });
    const waiting = new Set<unknown>();
    await until(async () => {
      const { rows } = await people.platform.db.queries.execute<{ query: string }>(sql`
        select query from pg_stat_activity where datname = current_database() and pid <> ${pid}
          and state = 'idle in transaction' and state_change < now() - interval '1 second'`);
      for (const { query } of rows) waiting.add(query);
      return answered;
    });
    await unlock();
    expect([...waiting]).toEqual([]);
    const codes = (await answers).map(({ status, body }) => [status, body.error.code]);
    expect(codes).toEqual(codes.map(() => [503, "database_unavailable"]));

    await people.platform.retry(() => people.signUp(newEmail()), 201);
    expect((await Promise.all(ask())).map(({ status }) => status)).toEqual([201, 204, 201, 201, 204]);
  });
});
