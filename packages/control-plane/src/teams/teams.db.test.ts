import { randomUUID } from "node:crypto";
import { idFromUuid } from "@wrenn/protocol/ids";
import type { Invitation, Member, OwnInvitation, OwnTeam, TeamDetail } from "@wrenn/protocol/rest/teams";
import { and, eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { invitations, memberships } from "../db/schema.ts";
import { as } from "../testing/as.ts";
import { TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import type { TeamNotice, Teller } from "./deps.ts";
import { acceptInvitation, invite } from "./invitations.ts";
import { purgeInvitations } from "./purge-invitations.ts";

function tellerInto(told: TeamNotice[]): Teller {
  return { ready: async () => {}, tell: async (_, notice) => void told.push(notice) };
}

describe.each(ENGINES)("teams on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  const by = <Body = unknown>(user: TestUser, method: string, path: string, body?: unknown) =>
    as<Body>(platform, user, method, path, body);
  const wire = ({ teamId }: TestUser) => idFromUuid("team", teamId);
  const userId = ({ id }: TestUser) => idFromUuid("user", id);
  const roleOf = async (user: TestUser, teamId = user.teamId) => {
    const [row] = await platform.db.queries
      .select({ role: memberships.role })
      .from(memberships)
      .where(and(eq(memberships.userId, user.id), eq(memberships.teamId, teamId)));
    return row?.role;
  };
  /** An owner, an admin and a member of one new team. */
  const crew = async () => {
    const owner = await platform.signIn();
    const admin = await platform.signIn({ teamId: owner.teamId, role: "admin" });
    const member = await platform.signIn({ teamId: owner.teamId, role: "member" });
    return { owner, admin, member, path: `/v1/teams/${wire(owner)}` };
  };
  const ask = async (owner: TestUser, email: string, role = "member") =>
    (await by<Invitation>(owner, "POST", `/v1/teams/${wire(owner)}/members`, { email, role })).body;

  it("are made by anybody, who owns them, beside the team of the session", async () => {
    const user = await platform.signIn();
    const made = await by<OwnTeam>(user, "POST", "/v1/teams", { name: "Night Shift" });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ name: "Night Shift", role: "owner", is_byoc: false });
    expect(made.body.slug).toMatch(/^[0-9a-f]{6}-[0-9a-f]{6}$/);
    const { body } = await by<OwnTeam[]>(user, "GET", "/v1/teams");
    expect(body.map(({ id }) => id).toSorted()).toEqual([wire(user), made.body.id].toSorted());
    expect((await by(user, "GET", `/v1/teams/${made.body.id}`)).body.error).toEqual({
      code: "forbidden",
      message: "your session is in another team: use switch-team first",
    });
  });

  it.each(["", "   ", "a".repeat(129), "a/b", "é", "a\nb"])("are not called %j", async (name) => {
    const { status, body } = await by(await platform.signIn(), "POST", "/v1/teams", { name });
    expect(status).toBe(400);
    expect(body.error.message).toMatch(/^name must be/);
  });

  it("show their members to all of them, and are renamed by those who run them", async () => {
    const { owner, admin, member, path } = await crew();
    expect((await by(admin, "PATCH", path, { name: "Renamed" })).status).toBe(204);
    expect((await by(member, "PATCH", path, { name: "Mine" })).body.error.code).toBe("forbidden");
    const { body } = await by<TeamDetail>(member, "GET", path);
    expect(body.team.name).toBe("Renamed");
    const expected = [owner, admin, member].map((user) => ({ user_id: userId(user), email: user.email }));
    expect(body.members.map(({ role }) => role)).toEqual(["owner", "admin", "member"]);
    expect(body.members).toMatchObject(expected);
    expect((await by<Member[]>(member, "GET", `${path}/members`)).body).toEqual(body.members);
  });

  it("are joined by who was invited, with a session that exists already, and by nobody else", async () => {
    const { owner, member, path } = await crew();
    const [guest, stranger] = [await platform.signIn(), await platform.signIn()];
    const sent = await by<Invitation>(owner, "POST", `${path}/members`, {
      email: ` ${guest.email.toUpperCase()} `,
      role: "admin",
    });
    expect(sent).toMatchObject({ status: 201, body: { status: "invited", email: guest.email, role: "admin" } });
    expect(await roleOf(guest, owner.teamId)).toBeUndefined();
    const { body: mine } = await by<OwnInvitation[]>(guest, "GET", "/v1/me/invitations");
    expect(mine).toMatchObject([
      { team_id: wire(owner), team_name: "Someone's", invited_by: "Someone", role: "admin" },
    ]);
    expect((await by(stranger, "GET", "/v1/me/invitations")).body).toEqual([]);
    const accept = `/v1/me/invitations/${mine[0]?.id}/accept`;
    expect((await by(stranger, "POST", accept)).status).toBe(404);
    expect((await by(stranger, "POST", `/v1/me/invitations/${mine[0]?.id}/decline`)).status).toBe(404);
    expect(await by(guest, "POST", accept)).toMatchObject({ status: 200, body: { id: wire(owner), role: "admin" } });
    expect(await roleOf(guest, owner.teamId)).toBe("admin");
    expect((await by(guest, "POST", accept)).status).toBe(404);
    expect((await by(owner, "GET", `${path}/invitations`)).body).toEqual([]);
    expect((await by(owner, "POST", `${path}/members`, { email: guest.email })).body.error).toMatchObject({
      code: "invalid_request",
      message: `${guest.email} is already a member`,
    });
    expect((await by(member, "POST", `${path}/members`, { email: "a@example.com" })).status).toBe(403);
  });

  it("answer the same for an address that nobody has", async () => {
    const { owner, path } = await crew();
    const guest = await platform.signIn();
    const [known, unknown] = await Promise.all(
      [guest.email, "nobody@example.com"].map((email) => by<Invitation>(owner, "POST", `${path}/members`, { email })),
    );
    expect(unknown?.status).toBe(known?.status);
    expect(Object.keys(unknown?.body ?? {})).toEqual(Object.keys(known?.body ?? {}));
  });

  it.each(["", "x", "a@", "a b@example.com", `${"a".repeat(250)}@example.com`])("do not invite %j", async (email) => {
    const { owner, path } = await crew();
    expect((await by(owner, "POST", `${path}/members`, { email })).status).toBe(400);
  });

  it("make nobody an owner but by a transfer", async () => {
    const { owner, member, path } = await crew();
    expect((await by(owner, "POST", `${path}/members`, { email: "a@example.com", role: "owner" })).status).toBe(400);
    expect((await by(owner, "PATCH", `${path}/members/${userId(member)}`, { role: "owner" })).status).toBe(400);
  });

  it("let one of many attempts to accept succeed", async () => {
    const { owner } = await crew();
    const guest = await platform.signIn();
    const { id } = await ask(owner, guest.email);
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => by(guest, "POST", `/v1/me/invitations/${id}/accept`)),
    );
    const count = (wanted: number) => answers.filter(({ status }) => status === wanted).length;
    expect([count(200), count(404)]).toEqual([1, 9]);
  });

  it("take invitations back, have them declined, and renew them when asked again", async () => {
    const { owner, path } = await crew();
    const guest = await platform.signIn();
    const first = await ask(owner, guest.email);
    const second = await ask(owner, guest.email, "admin");
    expect((await by<Invitation[]>(owner, "GET", `${path}/invitations`)).body).toEqual([second]);
    expect(second).toMatchObject({ id: first.id, role: "admin" });
    expect((await by(guest, "POST", `/v1/me/invitations/${second.id}/decline`)).status).toBe(204);
    const third = await ask(owner, guest.email);
    const other = await crew();
    expect((await by(other.owner, "DELETE", `${other.path}/invitations/${third.id}`)).status).toBe(404);
    expect((await by(owner, "DELETE", `${path}/invitations/${third.id}`)).status).toBe(204);
    expect((await by(guest, "POST", `/v1/me/invitations/${third.id}/accept`)).status).toBe(404);
    expect((await by(owner, "DELETE", `${path}/invitations/${third.id}`)).status).toBe(404);
  });

  it("forget invitations after seven days", async () => {
    const { owner, path } = await crew();
    const guest = await platform.signIn();
    const { id, created_at: from, expires_at: to } = await ask(owner, guest.email);
    expect(Date.parse(to) - Date.parse(from)).toBe(7 * 24 * 3_600_000);
    const over = { expiresAt: new Date(Date.now() - 1) };
    await platform.db.queries.update(invitations).set(over).where(eq(invitations.email, guest.email));
    expect((await by(guest, "GET", "/v1/me/invitations")).body).toEqual([]);
    expect((await by(owner, "GET", `${path}/invitations`)).body).toEqual([]);
    expect((await by(guest, "POST", `/v1/me/invitations/${id}/accept`)).status).toBe(404);
    const open = await ask(owner, (await platform.signIn()).email);
    await purgeInvitations(platform.db);
    const left = (await platform.db.queries.select().from(invitations)).map((row) => idFromUuid("invitation", row.id));
    expect(left).toContain(open.id);
    expect(left).not.toContain(id);
  });

  it("tell those whom it concerns", async () => {
    const { owner } = await crew();
    const guest = await platform.signIn();
    const told: TeamNotice[] = [];
    const deps = { db: platform.db, teller: tellerInto(told) };
    const who = { userId: owner.id, name: "Olga" };
    const row = await invite(deps, owner.teamId, who, { email: guest.email, role: "member" });
    await acceptInvitation(deps, { userId: guest.id, email: guest.email }, row.id);
    expect(told).toMatchObject([
      { event: "team_invited", to: guest.email, invitedBy: "Olga", expiresAt: row.expiresAt },
      { event: "team_joined", to: guest.email, teamName: "Someone's" },
    ]);
  });

  it("mail an invitation once an hour, and few of all teams to one address", async () => {
    const told: TeamNotice[] = [];
    const deps = { db: platform.db, teller: tellerInto(told) };
    const email = `${randomUUID()}@example.com`;
    const mail = async ({ id, teamId }: TestUser, to = email) =>
      invite(deps, teamId, { userId: id, name: "Olga" }, { email: to, role: "member" });
    const { owner, path } = await crew();
    for (let i = 0; i < 3; i++) {
      const { id } = await mail(owner);
      expect((await by(owner, "DELETE", `${path}/invitations/${idFromUuid("invitation", id)}`)).status).toBe(204);
    }
    expect(told).toHaveLength(1);
    for (let i = 0; i < 6; i++) await mail(await platform.signIn());
    expect(told).toHaveLength(5);
    await mail(owner, `${randomUUID()}@example.com`);
    expect(told).toHaveLength(6);
  });

  it("send so many invitations an hour, each of them and each who sends them", async () => {
    const { owner, admin } = await crew();
    const deps = { db: platform.db, invitationsPerHour: 2 };
    const send = (from: TestUser) =>
      invite(
        deps,
        from.teamId,
        { userId: from.id, name: "x" },
        { email: `${randomUUID()}@example.com`, role: "member" },
      );
    await send(owner);
    await send(admin);
    await expect(send(admin)).rejects.toMatchObject({ code: "rate_limited" });
    const elsewhere = await platform.signIn();
    await send(elsewhere);
    await send(elsewhere);
    await expect(send(elsewhere)).rejects.toMatchObject({ code: "rate_limited" });
  });

  it("end a member's access at once, with the keys that they made", async () => {
    const { admin, member, path } = await crew();
    const { body } = await by<{ key: string }>(member, "POST", "/v1/api-keys", {});
    const theirs = { headers: { "x-api-key": body.key } };
    expect((await by(member, "GET", "/v1/capsules")).status).toBe(200);
    expect((await platform.request("GET", "/v1/capsules", theirs)).status).toBe(200);
    expect((await by(admin, "DELETE", `${path}/members/${userId(member)}`)).status).toBe(204);
    expect((await by(member, "GET", "/v1/capsules")).body.error.code).toBe("no_team");
    expect((await by(member, "GET", path)).body.error.code).toBe("no_team");
    expect((await platform.request("GET", "/v1/capsules", theirs)).status).toBe(401);
    expect((await by(member, "GET", "/v1/teams")).body).toEqual([]);
    expect((await by(admin, "DELETE", `${path}/members/${userId(member)}`)).status).toBe(404);
  });

  it("are left by anybody but their owner, whom nobody removes or demotes", async () => {
    const { owner, admin, member, path } = await crew();
    expect((await by(member, "POST", `${path}/leave`)).status).toBe(204);
    expect((await by(member, "POST", `${path}/leave`)).body.error.code).toBe("no_team");
    expect((await by(owner, "POST", `${path}/leave`)).status).toBe(403);
    expect((await by(admin, "DELETE", `${path}/members/${userId(owner)}`)).status).toBe(403);
    expect((await by(admin, "PATCH", `${path}/members/${userId(owner)}`, { role: "member" })).status).toBe(403);
    expect(await roleOf(owner)).toBe("owner");
  });

  it("change what a role may do with the next request of a session that is there", async () => {
    const { owner, admin, member, path } = await crew();
    expect((await by(owner, "PATCH", `${path}/members/${userId(admin)}`, { role: "member" })).status).toBe(204);
    expect((await by(admin, "PATCH", path, { name: "x" })).status).toBe(403);
    expect((await by(owner, "PATCH", `${path}/members/${userId(member)}`, { role: "admin" })).status).toBe(204);
    expect((await by(member, "PATCH", path, { name: "x" })).status).toBe(204);
  });

  it("do not let one team touch the members of another", async () => {
    const [ours, theirs] = [await crew(), await crew()];
    const theirMember = `${ours.path}/members/${userId(theirs.member)}`;
    expect((await by(ours.owner, "DELETE", theirMember)).status).toBe(404);
    expect((await by(ours.owner, "PATCH", theirMember, { role: "admin" })).status).toBe(404);
    expect((await by(ours.owner, "POST", `${ours.path}/transfer`, { user_id: userId(theirs.member) })).status).toBe(
      404,
    );
    expect((await by(ours.owner, "GET", theirs.path)).status).toBe(403);
    expect(await roleOf(theirs.member)).toBe("member");
    expect(await roleOf(ours.owner)).toBe("owner");
  });

  it("are transferred to a member by their owner, who is an admin then", async () => {
    const { owner, admin, member, path } = await crew();
    expect((await by(admin, "POST", `${path}/transfer`, { user_id: userId(admin) })).status).toBe(403);
    expect((await by(owner, "POST", `${path}/transfer`, { user_id: userId(owner) })).status).toBe(400);
    expect((await by(owner, "POST", `${path}/transfer`, { user_id: userId(member) })).status).toBe(204);
    expect([await roleOf(owner), await roleOf(member)]).toEqual(["admin", "owner"]);
    expect((await by(owner, "POST", `${path}/transfer`, { user_id: userId(admin) })).status).toBe(403);
    expect((await by(owner, "POST", `${path}/leave`)).status).toBe(204);
  });

  it("have exactly one owner after many transfers and removals at once", async () => {
    const { owner, admin, path } = await crew();
    const crowd = await Promise.all(
      Array.from({ length: 8 }, () => platform.signIn({ teamId: owner.teamId, role: "member" })),
    );
    const answers = await Promise.all(
      crowd.flatMap((user) => [
        by(owner, "POST", `${path}/transfer`, { user_id: userId(user) }),
        by(admin, "DELETE", `${path}/members/${userId(user)}`),
      ]),
    );
    expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
    const rows = await platform.db.queries
      .select()
      .from(memberships)
      .where(and(eq(memberships.teamId, owner.teamId), eq(memberships.role, "owner")));
    expect(rows).toHaveLength(1);
  });
});
