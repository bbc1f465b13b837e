import { randomUUID } from "node:crypto";
import { idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import type { Auth } from "@wrenn/protocol/rest/accounts";
import { and, eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../db/database.ts";
import { apiKeys, auditLogs, memberships, teams, users } from "../db/schema.ts";
import { type Letter, Mailer } from "../mail/mailer.ts";
import { newEmail, People, uuidOf } from "../testing/people.ts";
import { ENGINES, silent } from "../testing/postgres.ts";
import { newApiKey, storeApiKey } from "./api-keys.ts";
import { purgeAccounts } from "./delete-account.ts";

describe.each(ENGINES)("the end of accounts on PostgreSQL $name", (engine) => {
  let people: People;
  let db: Database;
  let admin: Auth;

  beforeAll(async () => {
    people = await People.start(engine);
    ({ db } = people.platform);
    admin = await people.join(newEmail(), "Admin");
  }, 60_000);
  afterAll(() => people[Symbol.asyncDispose]());

  const close = (auth: Auth, confirmation = auth.email) => people.request("DELETE", "/v1/me", auth, { confirmation });
  const addMember = (team: string | undefined, { user_id }: Auth, role: "member" | "owner" = "member") =>
    db.queries.insert(memberships).values({ teamId: uuidOf(team), userId: uuidOf(user_id), role });

  async function purge(): Promise<void> {
    const letters: Letter[] = [];
    const post = async (_: unknown, letter: Letter) => void letters.push(letter);
    const outbox = { ready: async () => {}, post };
    const mailer = new Mailer({ smtp: people.mailbox.smtp, logger: silent, outbox });
    await purgeAccounts({ db, mailer });
    for (const letter of letters) await mailer.deliver(letter);
  }

  const closedDaysAgo = ({ user_id }: Auth, days: number) =>
    db.queries
      .update(users)
      .set({ deletedAt: sql`now() - make_interval(days => ${days})` })
      .where(eq(users.id, uuidOf(user_id)));

  it("is asked for with one's own address", async () => {
    const auth = await people.join();
    expect((await close(auth, admin.email)).status).toBe(400);
    expect(await people.isSignedIn(auth)).toBe(true);
  });

  it("is at once, with the teams that nobody else is in and their keys", async () => {
    const [auth, host] = [await people.join(), await people.join()];
    await addMember(host.team_id, auth);
    const key = newApiKey();
    await storeApiKey(db, uuidOf(auth.team_id), "mine", key);
    const list = () => people.platform.request("GET", "/v1/capsules", { headers: { "x-api-key": key } });
    expect((await list()).status).toBe(200);

    expect((await close(auth)).status).toBe(204);
    expect(await people.isSignedIn(auth)).toBe(false);
    expect((await people.logIn(auth.email)).status).toBe(401);
    expect((await list()).status).toBe(401);
    expect(
      await db.queries
        .select()
        .from(apiKeys)
        .where(eq(apiKeys.teamId, uuidOf(auth.team_id))),
    ).toEqual([]);
    const [team] = await db.queries
      .select()
      .from(teams)
      .where(eq(teams.id, uuidOf(auth.team_id)));
    expect(team?.deletedAt).toBeInstanceOf(Date);
    const [hosts] = await db.queries
      .select()
      .from(teams)
      .where(eq(teams.id, uuidOf(host.team_id)));
    expect(hosts?.deletedAt).toBeNull();
    const left = await db.queries
      .select()
      .from(memberships)
      .where(eq(memberships.userId, uuidOf(auth.user_id)));
    expect(left).toEqual([]);
    const { raw } = await people.mailbox.take(auth.email, /was deleted$/);
    expect(raw).toContain(new Date(Date.now() + 15 * 24 * 3_600_000).toISOString().slice(0, 10));
  });

  it("leaves the address to whoever signs up with it then", async () => {
    const auth = await people.join();
    await close(auth);
    const again = await people.join(auth.email);
    expect(again.user_id).not.toBe(auth.user_id);
    expect((await people.logIn(auth.email)).body.user_id).toBe(again.user_id);
  });

  it("does not take a team from its other members", async () => {
    const [auth, other] = [await people.join(), await people.join()];
    await addMember(auth.team_id, other);
    const { status, body } = await close(auth);
    expect([status, body.error.code]).toEqual([409, "owns_team_with_members"]);
    expect(body.error.message).toContain("Ann's Team");
    expect(await people.isSignedIn(auth)).toBe(true);
  });

  it("does not take the platform's team, nor its last administrator", async () => {
    const auth = await people.join();
    await addMember(PLATFORM_TEAM, auth, "owner");
    expect((await close(auth)).status).toBe(409);
    await db.queries.delete(memberships).where(eq(memberships.teamId, idToUuid(PLATFORM_TEAM)));
    expect((await close(auth)).status).toBe(204);

    const last = await close(admin);
    expect([last.status, last.body.error.code]).toEqual([409, "conflict"]);
    expect(last.body.error.message).toContain("the last administrator");
    const others = await Promise.all([people.join(), people.join(), people.join()]);
    for (const { user_id } of others) {
      await db.queries
        .update(users)
        .set({ isAdmin: true })
        .where(eq(users.id, uuidOf(user_id)));
    }
    const answers = await Promise.all([admin, ...others].map((one) => close(one)));
    expect(answers.map(({ status }) => `${status}`).toSorted()).toEqual(["204", "204", "204", "409"]);
    const left = and(eq(users.isAdmin, true), eq(users.status, "active"));
    expect(await db.queries.select().from(users).where(left)).toHaveLength(1);
  });

  it("is complete after 15 days: the row goes, and with it what the audit log says of the person", async () => {
    const name = `Zoe ${randomUUID()}`;
    const [old, recent, active] = [await people.join(newEmail(), name), await people.join(), await people.join()];
    await close(old);
    await close(recent);
    await closedDaysAgo(old, 15);
    await closedDaysAgo(recent, 14);
    const entriesOf = (auth: Auth) =>
      db.queries.select().from(auditLogs).where(eq(auditLogs.actorId, auth.user_id)).orderBy(auditLogs.createdAt);
    const before = await entriesOf(old);
    expect(before.map((entry) => entry.actorName)).toEqual([name, name]);

    const [forgotten, waiting] = [newEmail(), newEmail()];
    for (const email of [forgotten, waiting]) await people.signUp(email);
    await db.queries
      .update(users)
      .set({ updatedAt: sql`now() - interval '15 days'` })
      .where(eq(users.email, forgotten));
    // As earlier versions wrote it, and as somebody leaves it who is not signed in.
    await db.queries.insert(auditLogs).values({
      id: randomUUID(),
      teamId: randomUUID(),
      scope: "team",
      actorType: "system",
      resourceType: "member",
      action: "invite",
      status: "success",
      metadata: { email: old.email, role: "member" },
    });
    await people.post("/v1/me/password/reset", { email: recent.email });
    await people.post("/v1/me/password/reset", { email: old.email });

    await Promise.all([purge(), purge()]);
    const emails = (await db.queries.select({ email: users.email }).from(users)).map(({ email }) => email);
    expect([emails.includes(forgotten), emails.includes(waiting)]).toEqual([false, true]);
    const rows = await db.queries.select({ id: users.id }).from(users);
    const ids = rows.map(({ id }) => id);
    expect(ids).not.toContain(uuidOf(old.user_id));
    expect(ids).toEqual(expect.arrayContaining([uuidOf(recent.user_id), uuidOf(active.user_id)]));
    expect(await entriesOf(old)).toEqual(
      before.map((entry) => ({ ...entry, actorName: "deleted-user", sourceAddress: null })),
    );
    const log = JSON.stringify(await db.queries.select().from(auditLogs));
    expect(log).not.toContain(old.email);
    expect(log).not.toContain(name);
    const about = await db.queries.select().from(auditLogs).where(eq(auditLogs.resourceId, old.user_id));
    expect(about.map(({ sourceAddress }) => sourceAddress)).toEqual(about.map(() => null));
    expect((await entriesOf(active)).map((entry) => entry.actorName)).toEqual(["Ann"]);
    await people.mailbox.take(old.email, /is gone$/);
    expect(people.mailbox.mails.filter(({ subject }) => subject.endsWith("is gone"))).toEqual([]);
    await expect(db.queries.update(auditLogs).set({ actorName: "x" })).rejects.toThrow();
  });
});
