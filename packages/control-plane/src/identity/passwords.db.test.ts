import { randomUUID } from "node:crypto";
import { idFromUuid } from "@wrenn/protocol/ids";
import type { Auth, FoundUser } from "@wrenn/protocol/rest/accounts";
import { and, eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../db/database.ts";
import { mailTokens, sessions, users } from "../db/schema.ts";
import { newEmail, PASSWORD, People, tokenOf, uuidOf } from "../testing/people.ts";
import { ENGINES } from "../testing/postgres.ts";

describe.each(ENGINES)("passwords and searches on PostgreSQL $name", (engine) => {
  let people: People;
  let db: Database;

  beforeAll(async () => {
    people = await People.start(engine);
    ({ db } = people.platform);
  }, 60_000);
  afterAll(() => people[Symbol.asyncDispose]());

  describe("passwords", () => {
    it("change only for who knows the old one, and end the other sessions", async () => {
      const here = await people.join();
      const { body: there } = await people.logIn(here.email);
      const change = (body: object) => people.request("POST", "/v1/me/password", here, body);
      expect((await change({ new_password: "another one" })).status).toBe(400);
      const wrong = await change({ current_password: "wrong password", new_password: "another one" });
      expect([wrong.status, wrong.body.error.code]).toEqual([401, "wrong_password"]);
      expect(await people.isSignedIn(there)).toBe(true);
      expect((await change({ current_password: PASSWORD, new_password: "another one" })).status).toBe(204);
      expect([await people.isSignedIn(here), await people.isSignedIn(there)]).toEqual([true, false]);
      expect((await people.logIn(here.email)).status).toBe(401);
      expect((await people.logIn(here.email, "another one")).status).toBe(200);
      await people.mailbox.take(here.email, /^Your password was changed/);
    });

    it("are set by who has none when they are typed twice", async () => {
      const auth = await people.join();
      await db.queries.update(users).set({ passwordHash: null }).where(eq(users.email, auth.email));
      expect((await people.logIn(auth.email)).status).toBe(401);
      const set = (confirm_password?: string) =>
        people.request("POST", "/v1/me/password", auth, { new_password: "another one", confirm_password });
      expect((await set()).status).toBe(400);
      expect((await set("another")).status).toBe(400);
      expect((await set("another one")).status).toBe(204);
      expect((await people.logIn(auth.email, "another one")).status).toBe(200);
      await people.mailbox.take(auth.email, /^A password was added/);
    });

    it("change once when they are changed twice at the same time", async () => {
      const auth = await people.join();
      const change = (new_password: string) =>
        people.request("POST", "/v1/me/password", auth, { current_password: PASSWORD, new_password });
      const answers = await Promise.all([change("the first one"), change("the second one")]);
      expect(answers.map(({ status }) => `${status}`).toSorted()).toEqual(["204", "401"]);
    });

    it("are reset by a link that is good once, which ends all sessions", async () => {
      const auth = await people.join();
      expect((await people.post("/v1/me/password/reset", { email: auth.email })).status).toBe(204);
      const { link } = await people.mailbox.take(auth.email, /^Reset/);
      expect(link).toMatch(/^https:\/\/wrenn\.example\.com\/reset-password\?token=/);
      const confirm = (new_password: string) =>
        people.post("/v1/me/password/reset/confirm", { token: tokenOf(link), new_password });
      expect((await confirm("short")).status).toBe(400);
      const both = await Promise.all([confirm("another one"), confirm("another one")]);
      expect(both.map(({ status }) => `${status}`).toSorted()).toEqual(["204", "400"]);
      expect(await people.isSignedIn(auth)).toBe(false);
      expect((await people.logIn(auth.email, "another one")).status).toBe(200);
      await people.mailbox.take(auth.email, /was reset$/);
    });

    it("are not reset of who is not there or not active, and nobody is told", async () => {
      const inactive = newEmail();
      await people.signUp(inactive);
      const disabled = await people.join();
      await setStatus(disabled, "disabled");
      const someone = await people.join();
      for (const email of [newEmail(), inactive, disabled.email, someone.email]) {
        expect((await people.post("/v1/me/password/reset", { email })).status).toBe(204);
      }
      await people.mailbox.take(someone.email, /^Reset/);
      expect(people.mailbox.mails.filter(({ subject }) => subject.startsWith("Reset"))).toEqual([]);
    });

    it("are reset by the last of several links, of which no more are sent than five an hour", async () => {
      const { email } = await people.join();
      const ask = () => people.post("/v1/me/password/reset", { email });
      await Promise.all(Array.from({ length: 12 }, ask));
      const links = [];
      for (let i = 0; i < 5; i++) links.push((await people.mailbox.take(email, /^Reset/)).link);
      const stored = await db.queries
        .select()
        .from(mailTokens)
        .innerJoin(users, and(eq(users.id, mailTokens.userId), eq(users.email, email)));
      expect(stored).toHaveLength(1);
      const confirm = (link: string) =>
        people.post("/v1/me/password/reset/confirm", { token: tokenOf(link), new_password: "another one" });
      const answers = [];
      for (const link of links) answers.push(`${(await confirm(link)).status}`);
      expect(answers.toSorted()).toEqual(["204", "400", "400", "400", "400"]);
      expect(people.mailbox.mails.filter(({ to, subject }) => to === email && subject.startsWith("Reset"))).toEqual([]);
    });

    it("are not hashed for who has no link", async () => {
      const reset = { token: "0".repeat(32), new_password: "another one" };
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => people.post("/v1/me/password/reset/confirm", reset)),
      );
      expect([...new Set(answers.map(({ body }) => body.error.code))]).toEqual(["invalid_token"]);
    });

    it("are not reset by a link that activates", async () => {
      const email = newEmail();
      await people.signUp(email);
      const token = await people.activationToken(email);
      const reset = await people.post("/v1/me/password/reset/confirm", { token, new_password: "another one" });
      expect(reset.body.error.code).toBe("invalid_token");
      expect((await people.activate(token)).status).toBe(200);
    });
  });

  describe("searching users", () => {
    const search = (auth: Auth, email: string) =>
      people.request<FoundUser[]>("GET", `/v1/users/search?${new URLSearchParams({ email })}`, auth);

    it("finds at most ten, by the beginning of the address, who are active", async () => {
      const auth = await people.join();
      const local = randomUUID().slice(0, 8);
      const made = Array.from({ length: 12 }, (_, i) => ({
        id: randomUUID(),
        email: `${local}@${String.fromCharCode(97 + i)}.example.com`,
        name: "Bo",
        status: "active" as const,
      }));
      await db.queries.insert(users).values(made);
      const { body } = await search(auth, `${local.toUpperCase()}@`);
      expect(body.map(({ email }) => email)).toEqual(made.slice(0, 10).map(({ email }) => email));
      for (const [i, status] of (["inactive", "disabled", "deleted"] as const).entries()) {
        await db.queries
          .update(users)
          .set({ status })
          .where(eq(users.id, made[i]?.id ?? ""));
      }
      expect((await search(auth, `${local}@`)).body.map(({ email }) => email)).toEqual(
        made.slice(3).map(({ email }) => email),
      );
      expect((await search(auth, `${local}@d.ex`)).body).toEqual([
        { user_id: idFromUuid("user", made[3]?.id ?? ""), email: made[3]?.email },
      ]);
    });

    it("knows no wildcards", async () => {
      const auth = await people.join();
      expect((await search(auth, "%%@%")).body).toEqual([]);
      expect((await search(auth, "___@")).body).toEqual([]);
      expect((await search(auth, "a\\@")).body).toEqual([]);
    });

    it.each(["", "a@", "abc", "@abc"])("by %j is refused", async (email) => {
      expect((await search(await people.join(), email)).status).toBe(400);
    });
  });

  async function setStatus({ user_id }: Auth, status: "disabled"): Promise<void> {
    await db.queries
      .update(users)
      .set({ status })
      .where(eq(users.id, uuidOf(user_id)));
  }

  it("stores no password", async () => {
    const { rows } = await db.pool.query("select * from users");
    expect(JSON.stringify(rows)).not.toContain(PASSWORD);
    expect(await db.queries.select().from(sessions)).not.toEqual([]);
  });
});
