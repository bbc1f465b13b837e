import { randomUUID } from "node:crypto";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../db/database.ts";
import { type Letter, Mailer } from "../mail/mailer.ts";
import { newEmail, People, tokenOf } from "../testing/people.ts";
import { ENGINES, silent } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";
import { sendResetLink } from "./password-reset.ts";

describe.each(ENGINES)("requests to reset a password on PostgreSQL $name", (engine) => {
  let people: People;
  let db: Database;
  beforeAll(async () => {
    people = await People.start(engine);
    ({ db } = people.platform);
  }, 60_000);
  afterAll(() => people[Symbol.asyncDispose]());

  const ask = async (email: string) => (await people.post("/v1/me/password/reset", { email })).status;
  const stored = async () =>
    (
      await db.queries.execute<{ state: string; data: object }>(
        sql`select state, data from pgboss.job where name = 'send-reset-link'`,
      )
    ).rows;

  it("are carried out once they are answered, whatever ends meanwhile", async () => {
    const { email } = await people.join();
    const locked = Promise.withResolvers<void>();
    const unlock = Promise.withResolvers<void>();
    const lock = db.queries.transaction(async (tx) => {
      await tx.execute(sql`lock table mail_tokens in exclusive mode`);
      locked.resolve();
      await unlock.promise;
    });
    await locked.promise;
    expect(await ask(email)).toBe(204);
    await until(async () => {
      const { rowCount } = await db.queries.execute(sql`
        select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock' and query like '%mail_tokens%'`);
      return rowCount === 1;
    });
    unlock.resolve();
    await lock;
    const { link } = await people.mailbox.take(email, /^Reset/);
    const reset = { token: tokenOf(link), new_password: "another one" };
    expect((await people.post("/v1/me/password/reset/confirm", reset)).status).toBe(204);
  });

  it("leave the same behind, and no address, whoever they are about", async () => {
    const { email } = await people.join();
    const unknown = newEmail();
    const before = (await stored()).length;
    expect(await Promise.all([ask(email), ask(unknown)])).toEqual([204, 204]);
    await until(async () => (await stored()).every(({ state }) => state === "completed"));
    const jobs = await stored();
    expect(jobs).toHaveLength(before + 2);
    expect(new Set(jobs.map(({ data }) => Object.keys(data).join()))).toEqual(new Set(["request"]));
    for (const text of [email, unknown, "@"]) expect(JSON.stringify(jobs)).not.toContain(text);
    await people.mailbox.take(email, /^Reset/);
  });

  it("send one mail, though they are carried out again after a crash", async () => {
    const { email } = await people.join();
    const letters: Letter[] = [];
    const outbox = { ready: async () => {}, post: async (_: unknown, letter: Letter) => void letters.push(letter) };
    const mailer = new Mailer({ smtp: people.mailbox.smtp, logger: silent, outbox });
    const request = { id: randomUUID(), email, page: "https://wrenn.example.com/reset-password" };
    await Promise.all([sendResetLink({ db, mailer }, request), sendResetLink({ db, mailer }, request)]);
    await sendResetLink({ db, mailer }, request);
    expect(letters).toHaveLength(1);
  });
});
