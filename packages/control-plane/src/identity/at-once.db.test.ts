import { randomUUID } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Queries } from "../db/database.ts";
import { userIdentities, users } from "../db/schema.ts";
import { newEmail, PASSWORD, People, tokenOf, uuidOf } from "../testing/people.ts";
import { ENGINES } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";
import { connect } from "./oauth/accounts.ts";

describe.each(ENGINES)("an account that is changed twice at once on PostgreSQL $name", (engine) => {
  let people: People;
  beforeAll(async () => {
    people = await People.start(engine);
  }, 60_000);
  afterAll(() => people[Symbol.asyncDispose]());

  /** Does something and undoes it when `body` is done, which runs meanwhile. */
  async function during<T>(something: (tx: Queries) => Promise<unknown>, body: () => Promise<T>): Promise<T> {
    const done = Promise.withResolvers<void>();
    const undo = Promise.withResolvers<void>();
    const over = new Error("undone");
    const held = people.platform.db.queries.transaction(async (tx) => {
      await something(tx);
      done.resolve();
      await undo.promise;
      throw over;
    });
    const undone = expect(held).rejects.toBe(over);
    await done.promise;
    const result = await body();
    undo.resolve();
    await undone;
    return result;
  }

  const waiting = (count: number) =>
    until(async () => {
      const { rows } = await people.platform.db.queries.execute(sql`
        select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`);
      return rows.length === count;
    });

  it("gets the first of two new passwords: one by a link, one by who is signed in", async () => {
    const auth = await people.join();
    await people.post("/v1/me/password/reset", { email: auth.email });
    const token = tokenOf((await people.mailbox.take(auth.email, /^Reset/)).link);
    const holdIt = (tx: Queries) => tx.select().from(users).where(eq(users.email, auth.email)).for("update");
    const [changed, reset] = await during(holdIt, async () => {
      const change = { current_password: PASSWORD, new_password: "the first one" };
      const first = people.post("/v1/me/password", change, auth);
      await waiting(1);
      const second = people.post("/v1/me/password/reset/confirm", { token, new_password: "the second one" });
      await waiting(2);
      return [first, second] as const;
    }).then((both) => Promise.all(both));
    expect([changed.status, reset.status, reset.body.error.code]).toEqual([204, 400, "invalid_token"]);
    expect((await people.logIn(auth.email, "the first one")).status).toBe(200);
  });

  it("is closed once", async () => {
    const auth = await people.join();
    const holdIt = (tx: Queries) => tx.select().from(users).where(eq(users.email, auth.email)).for("update");
    const close = () => people.request("DELETE", "/v1/me", auth, { confirmation: auth.email });
    const answers = await during(holdIt, async () => {
      const both = [close(), close()];
      await waiting(2);
      return { both };
    }).then(({ both }) => Promise.all(both));
    expect(answers.map(({ status }) => `${status}`).toSorted()).toEqual(["204", "403"]);
  });

  it("is connected elsewhere, and then closed", async () => {
    const [auth, other] = [await people.join(), await people.join()];
    const identity = { provider: "github", subject: randomUUID(), email: newEmail(), name: "Ann" };
    const taken = { provider: identity.provider, subject: identity.subject, userId: uuidOf(other.user_id) };
    const linker = { userId: uuidOf(auth.user_id), sessionId: String(decodeJwt(auth.token)["sid"]) };
    const { db } = people.platform;
    const takeIt = (tx: Queries) => tx.insert(userIdentities).values(taken);
    const [failure, closed] = await during(takeIt, async () => {
      const first = connect({ db } as Parameters<typeof connect>[0], identity, linker);
      await waiting(1);
      const second = people.request("DELETE", "/v1/me", auth, { confirmation: auth.email });
      await waiting(2);
      return [first, second] as const;
    }).then((both) => Promise.all(both));
    expect([failure, closed.status]).toEqual([undefined, 204]);
  });
});
