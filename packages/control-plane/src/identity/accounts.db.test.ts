import { createHash, randomUUID } from "node:crypto";
import { idFromUuid, idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import type { Auth, Me, Session } from "@wrenn/protocol/rest/accounts";
import { and, eq, gt, gte, sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../db/database.ts";
import { auditLogs, counts, mailTokens, memberships, sessions, teams, users } from "../db/schema.ts";
import { newEmail, PASSWORD, People, tokenOf, uuidOf } from "../testing/people.ts";
import { NO_LIMITS } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";
import { LOGINS } from "./sign-in.ts";

describe.each(ENGINES)("accounts on PostgreSQL $name", (engine) => {
  let people: People;
  let db: Database;

  beforeAll(async () => {
    people = await People.start(engine);
    ({ db } = people.platform);
  }, 60_000);
  afterAll(() => people[Symbol.asyncDispose]());

  describe("signing up", () => {
    it("makes of two users who are first at the same time one administrator", async () => {
      const emails = Array.from({ length: 6 }, newEmail);
      await Promise.all(emails.map((email) => people.signUp(email)));
      const tokens = await Promise.all(emails.map((email) => people.activationToken(email)));
      const answers = await Promise.all(tokens.map((token) => people.activate(token)));
      expect(answers.map(({ status }) => status)).toEqual(emails.map(() => 200));
      const me = await Promise.all(answers.map(({ body }) => people.request<Me>("GET", "/v1/me", body)));
      expect(me.filter(({ body }) => body.is_admin)).toHaveLength(1);
    });

    it("has its mail sent when the mail server is back, also by another process", async () => {
      // Nothing listens there.
      await people.restart({ smtp: { ...people.mailbox.smtp, port: 1 } });
      const email = newEmail();
      expect((await people.signUp(email)).status).toBe(201);
      const failed = sql`select data::text as data from pgboss.job where name = 'send-mail' and state = 'retry'`;
      const [job] = await until(async () => {
        const { rows } = await db.queries.execute<{ data: string }>(failed);
        return rows.length > 0 && rows;
      });
      expect(job?.data, "what is stored is encrypted").toMatch(/^{"letter": "[\w.+/=]+"}$/);
      await people.restart();
      await db.queries.execute(sql`update pgboss.job set start_after = now() where name = 'send-mail'`);
      expect((await people.activate(await people.activationToken(email))).status).toBe(200);
    });

    it("sends a link that activates the account once, with a team of one's own", async () => {
      const email = newEmail();
      const answer = await people.post("/v1/auth/signup", {
        email: ` ${email.toUpperCase()} `,
        password: PASSWORD,
        name: "Bo",
      });
      expect(answer.status).toBe(201);
      expect((await people.logIn(email)).body.error.code).toBe("account_not_activated");
      const { link } = await people.mailbox.take(email, /^Activate/);
      expect(link).toMatch(/^https:\/\/wrenn\.example\.com\/activate\?token=[0-9a-f]{32}$/);
      const token = tokenOf(link);
      const stored = await db.queries.select().from(mailTokens);
      expect(stored.map(({ tokenHash }) => tokenHash)).toContain(createHash("sha256").update(token).digest("hex"));
      expect(JSON.stringify(stored)).not.toContain(token);

      const activated = await people.activate(token);
      expect(activated.body).toEqual({
        token: expect.any(String),
        user_id: expect.stringMatching(/^usr-/),
        team_id: expect.stringMatching(/^team-/),
        email,
        name: "Bo",
      });
      const [team] = await db.queries
        .select({ name: teams.name, slug: teams.slug, role: memberships.role })
        .from(memberships)
        .innerJoin(teams, eq(teams.id, memberships.teamId))
        .where(eq(memberships.userId, uuidOf(activated.body.user_id)));
      expect(team).toEqual({
        name: "Bo's Team",
        slug: expect.stringMatching(/^[0-9a-f]{6}-[0-9a-f]{6}$/),
        role: "owner",
      });
      expect((await people.activate(token)).body.error.code).toBe("invalid_token");
      expect((await people.logIn(email)).status).toBe(200);
    });

    it("is refused for an address that is taken, and for a while for one that waits for its link", async () => {
      const { email } = await people.join();
      expect((await people.signUp(email)).body.error.code).toBe("email_taken");
      const other = newEmail();
      const both = await Promise.all([people.signUp(other), people.signUp(other)]);
      expect(both.map(({ status }) => `${status}`).toSorted()).toEqual(["201", "409"]);
      expect(both.find(({ status }) => status === 409)?.body.error.code).toBe("signup_cooldown");
    });

    it("begins anew when the link is too old, which is then void", async () => {
      const email = newEmail();
      await people.signUp(email, "Old", "old password");
      const oldToken = await people.activationToken(email);
      await db.queries
        .update(users)
        .set({ updatedAt: sql`now() - interval '31 minutes'` })
        .where(eq(users.email, email));
      expect((await people.signUp(email, "New")).status).toBe(201);
      expect((await people.activate(oldToken)).body.error.code).toBe("invalid_token");
      const { link, raw } = await people.mailbox.take(email, /^Activate/);
      expect(raw).toContain("another password");
      expect((await people.activate(tokenOf(link))).body.name).toBe("New");
      expect((await people.logIn(email, "old password")).status).toBe(401);
    });

    it("gives nobody a password that the owner of the address may not have chosen", async () => {
      const email = newEmail();
      await people.signUp(email, "Mallory", "mallory's own");
      expect((await people.signUp(email, "Vic")).body.error.code).toBe("signup_cooldown");
      // Whoever comes later, with whichever of them, does not bring it back.
      expect((await people.signUp(email, "Mallory", "mallory's own")).body.error.code).toBe("signup_cooldown");
      const { body: auth } = await people.activate(await people.activationToken(email));
      const logins = [await people.logIn(email, "mallory's own"), await people.logIn(email)];
      expect(logins.map(({ status }) => status)).toEqual([401, 401]);
      expect((await people.request<Me>("GET", "/v1/me", auth)).body.has_password).toBe(false);
      const chosen = { new_password: PASSWORD, confirm_password: PASSWORD };
      expect((await people.post("/v1/me/password", chosen, auth)).status).toBe(204);
      expect((await people.logIn(email)).status).toBe(200);
    });

    it("keeps the password of who signs up twice with it", async () => {
      const email = newEmail();
      const answers = await Promise.all([people.signUp(email), people.signUp(email), people.signUp(email)]);
      expect(answers.map(({ status }) => `${status}`).toSorted()).toEqual(["201", "409", "409"]);
      await people.activate(await people.activationToken(email));
      expect((await people.logIn(email)).status).toBe(200);
    });

    it("takes no link that is too old", async () => {
      const email = newEmail();
      await people.signUp(email);
      await db.queries.update(mailTokens).set({ expiresAt: sql`now()` });
      expect((await people.activate(await people.activationToken(email))).body.error.code).toBe("invalid_token");
    });

    it.each([
      [{ email: "nobody" }, "email must be an e-mail address"],
      [{ email: "a b@example.com" }, "email must be an e-mail address"],
      [{ password: "1234567" }, "password must be at least 8 characters"],
      [{ password: "x".repeat(201) }, "password must be at most 200 characters"],
      [{ name: " " }, "name must not be empty"],
      [{ name: "a\u0000b" }, "name must not contain control characters or invisible ones"],
      [{ name: "Bo\u202egnp.exe" }, "name must not contain control characters or invisible ones"],
      [{ name: "B\u200bo" }, "name must not contain control characters or invisible ones"],
      [{ name: "You won: https://evil.example" }, "name must not contain a link"],
      [{ name: "See WWW.evil.example" }, "name must not contain a link"],
    ])("with %j is refused", async (wrong, message) => {
      const { status, body } = await people.post("/v1/auth/signup", {
        email: newEmail(),
        password: PASSWORD,
        name: "Ann",
        ...wrong,
      });
      expect(status).toBe(400);
      expect(body.error.message).toBe(message);
    });
  });

  describe("signing in", () => {
    it("says the same of a wrong password and of nobody", async () => {
      const { email } = await people.join();
      const [wrong, nobody] = [await people.logIn(email, "wrong password"), await people.logIn(newEmail())];
      expect(wrong.status).toBe(401);
      expect(nobody.body).toEqual(wrong.body);
    });

    it("is refused from everywhere after many attempts at one account, until its mailbox is asked", async () => {
      const [victim, other] = [await people.join(), await people.join()];
      await db.queries.delete(counts);
      await people.logIn(victim.email, "wrong password");
      await db.queries.update(counts).set({ count: LOGINS.max });
      const refused = await people.logIn(victim.email);
      expect([refused.status, refused.body.error.code]).toEqual([429, "rate_limited"]);
      const seconds = Number(refused.headers.get("retry-after"));
      expect([seconds > 60, seconds <= LOGINS.seconds]).toEqual([true, true]);
      expect((await people.logIn(other.email)).status).toBe(200);
      await people.post("/v1/me/password/reset", { email: victim.email });
      const { link } = await people.mailbox.take(victim.email, /^Reset/);
      const reset = { token: tokenOf(link), new_password: "another one" };
      expect((await people.post("/v1/me/password/reset/confirm", reset)).status).toBe(204);
      for (let i = 0; i < 2; i++) expect((await people.logIn(victim.email, "another one")).status).toBe(200);
      expect(await db.queries.select().from(counts).where(gt(counts.count, 1))).toEqual([]);
    });

    it("is refused to who was disabled, who has no session left either", async () => {
      const auth = await people.join();
      await setStatus(auth, "disabled");
      expect((await people.logIn(auth.email)).body.error.code).toBe("account_disabled");
      expect((await people.logIn(auth.email, "wrong password")).status).toBe(401);
      const code = async () => (await people.request("GET", "/v1/me", auth)).body.error.code;
      expect(await code()).toBe("account_deactivated");
      await db.queries.delete(sessions);
      expect(await code()).toBe("account_deactivated");
    });

    it("ends at once with logging out, and goes on elsewhere", async () => {
      const here = await people.join();
      const { body: there } = await people.logIn(here.email);
      expect((await people.request("POST", "/v1/auth/logout", here)).status).toBe(204);
      expect([await people.isSignedIn(here), await people.isSignedIn(there)]).toEqual([false, true]);
    });

    it("is listed, and can be ended from elsewhere, but only by the user", async () => {
      const here = await people.join();
      const { body: there } = await people.logIn(here.email);
      const { body: list } = await people.request<Session[]>("GET", "/v1/me/sessions", here);
      expect(list.filter(({ current }) => current)).toHaveLength(1);
      expect(list).toHaveLength(2);
      expect(list[0]).toMatchObject({ source_address: "127.0.0.1", user_agent: expect.any(String) });
      const path = `/v1/me/sessions/${list.find(({ current }) => !current)?.id}`;
      expect((await people.request("DELETE", path, await people.join())).status).toBe(404);
      expect(await people.isSignedIn(there)).toBe(true);
      expect((await people.request("DELETE", path, here)).status).toBe(204);
      expect([await people.isSignedIn(here), await people.isSignedIn(there)]).toEqual([true, false]);
      expect((await people.request("DELETE", path, here)).status).toBe(404);
    });
  });

  describe("the profile", () => {
    it("says who one is", async () => {
      const auth = await people.join();
      expect((await people.request<Me>("GET", "/v1/me", auth)).body).toEqual({
        user_id: auth.user_id,
        name: "Ann",
        email: auth.email,
        is_admin: false,
        team_id: auth.team_id,
        role: "owner",
        has_password: true,
        providers: [],
      });
    });

    it("keeps its team when the name changes", async () => {
      const [auth, host] = [await people.join(), await people.join()];
      await addMember(host, auth, "member");
      const switched = await people.post<Auth>("/v1/auth/switch-team", { team_id: host.team_id }, auth);
      expect(switched.body.team_id).toBe(host.team_id);
      const renamed = await people.request<Auth>("PATCH", "/v1/me", switched.body, { name: "Anna" });
      expect(renamed.body).toMatchObject({ name: "Anna", team_id: host.team_id });
      expect((await people.request<Me>("GET", "/v1/me", renamed.body)).body).toMatchObject({
        name: "Anna",
        team_id: host.team_id,
        role: "member",
      });
    });

    it("goes over to no team that one is not in, and to none that is not there", async () => {
      const [auth, host] = [await people.join(), await people.join()];
      const to = (team_id: string | undefined) => people.post("/v1/auth/switch-team", { team_id }, auth);
      expect((await to(host.team_id)).status).toBe(403);
      expect((await to(idFromUuid("team", randomUUID()))).status).toBe(404);
      expect((await to("team-x")).status).toBe(400);
    });
  });

  it("leaves entries that name the user, for administrators of the platform only", async () => {
    const auth = await people.join();
    const entries = await until(async () => {
      const rows = await db.queries.select().from(auditLogs).where(eq(auditLogs.resourceId, auth.user_id));
      return rows.length >= 2 ? rows : undefined;
    });
    expect(entries.map(({ action }) => action).toSorted()).toEqual(["activate", "signup"]);
    const { teamId, ...activated } = entries.find(({ action }) => action === "activate") ?? entries[0] ?? {};
    expect(teamId).toBe("00000000-0000-0000-0000-000000000000");
    expect(activated).toMatchObject({
      scope: "admin",
      actorType: "user",
      actorId: auth.user_id,
      actorName: "Ann",
      sourceAddress: "127.0.0.1",
      requestId: expect.any(String),
    });
    expect(JSON.stringify(entries)).not.toContain(auth.email);
  });

  it("leaves entries of sign-ins that are refused: whose account it is, from where and why, and no more", async () => {
    const auth = await people.join();
    const [nobody, wrong] = [newEmail(), `wrong ${randomUUID()}`];
    const refused = async (since: Date) => {
      const rows = await db.queries
        .select()
        .from(auditLogs)
        .where(and(eq(auditLogs.action, "login"), eq(auditLogs.status, "warning"), gte(auditLogs.createdAt, since)));
      expect(JSON.stringify(rows)).not.toMatch(new RegExp(`${auth.email}|${nobody}|${wrong}`));
      return rows.map(({ actorId, actorName, resourceId, scope, teamId, sourceAddress, metadata }) => {
        expect([scope, teamId, sourceAddress]).toEqual(["admin", idToUuid(PLATFORM_TEAM), "127.0.0.1"]);
        return { actorId, actorName, resourceId, reason: metadata?.["reason"] };
      });
    };
    const mine = { actorId: auth.user_id, actorName: "Ann", resourceId: auth.user_id };
    const since = new Date();
    await people.logIn(auth.email, wrong);
    expect(await refused(since)).toEqual([{ ...mine, reason: "wrong_password" }]);
    const later = new Date();
    await people.logIn(nobody, wrong);
    expect(await refused(later)).toEqual([
      { actorId: null, actorName: null, resourceId: null, reason: "unknown_address" },
    ]);
    await setStatus(auth, "disabled");
    const last = new Date();
    await people.logIn(auth.email);
    expect(await refused(last)).toEqual([{ ...mine, reason: "account_disabled" }]);

    await people.restart({ rateLimits: { ...NO_LIMITS, loginPerMinute: 3 } });
    const many = new Date();
    for (let n = 0; n < 6; n++) expect((await people.logIn(newEmail(), wrong)).status).toBe(401);
    expect(await refused(many)).toHaveLength(3);
    await people.restart();
  });

  async function setStatus({ user_id }: Auth, status: "disabled"): Promise<void> {
    await db.queries
      .update(users)
      .set({ status })
      .where(eq(users.id, uuidOf(user_id)));
  }

  async function addMember(owner: Auth, { user_id }: Auth, role: "member"): Promise<void> {
    const teamId = uuidOf(owner.team_id ?? "");
    await db.queries.insert(memberships).values({ teamId, userId: uuidOf(user_id), role });
  }
});
