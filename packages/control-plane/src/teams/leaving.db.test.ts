import { idFromUuid } from "@wrenn/protocol/ids";
import type { NewApiKey } from "@wrenn/protocol/rest/api-keys";
import type { Capsule } from "@wrenn/protocol/rest/capsules";
import type { Invitation } from "@wrenn/protocol/rest/teams";
import { and, eq, isNull } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { memberships, teams, users } from "../db/schema.ts";
import { as } from "../testing/as.ts";
import { TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { RowLock } from "../testing/row-lock.ts";
import { until } from "../testing/until.ts";

describe.each(ENGINES)("who leaves, on PostgreSQL $name,", (engine) => {
  let platform: TestPlatform;
  let root: TestUser;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    root = await platform.signIn({ isAdmin: true });
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  const by = <Body = unknown>(user: TestUser, method: string, path: string, body?: unknown) =>
    as<Body>(platform, user, method, path, body);
  const wire = ({ id }: TestUser) => idFromUuid("user", id);
  const pathOf = ({ teamId }: TestUser) => `/v1/teams/${idFromUuid("team", teamId)}`;
  const join = (owner: TestUser, role: "admin" | "member") => platform.signIn({ teamId: owner.teamId, role });
  const invite = async (from: TestUser, to: TestUser) =>
    (await by<Invitation>(from, "POST", `${pathOf(from)}/members`, { email: to.email, role: "admin" })).body.id;
  const accept = async (guest: TestUser, id: string) =>
    (await by(guest, "POST", `/v1/me/invitations/${id}/accept`)).status;
  const transfer = (from: TestUser, to: TestUser) =>
    by(from, "POST", `${pathOf(from)}/transfer`, { user_id: wire(to) });
  const close = (user: TestUser) => by(user, "DELETE", "/v1/me", { confirmation: user.email });
  const lockOut = (user: TestUser) => by(root, "PUT", `/v1/admin/users/${wire(user)}/active`, { active: false });
  const ownersOf = ({ teamId }: TestUser) =>
    platform.db.queries
      .select({ id: users.id, status: users.status })
      .from(memberships)
      .innerJoin(users, eq(users.id, memberships.userId))
      .where(and(eq(memberships.teamId, teamId), eq(memberships.role, "owner")));
  const lock = (table: "users" | "memberships", user: TestUser) =>
    RowLock.take(platform.db, `SELECT 1 FROM ${table} WHERE ${table === "users" ? "id" : "user_id"} = $1 FOR UPDATE`, [
      user.id,
    ]);

  const WAYS: [string, (leaver: TestUser, owner: TestUser) => Promise<{ status: number }>][] = [
    ["leaving", (leaver) => by(leaver, "POST", `${pathOf(leaver)}/leave`)],
    ["being removed", (leaver, owner) => by(owner, "DELETE", `${pathOf(owner)}/members/${wire(leaver)}`)],
    ["being locked out", (leaver) => lockOut(leaver)],
    ["closing the account", (leaver) => close(leaver)],
  ];

  it.each(WAYS)("by %s, loses the keys that they made and the invitations that they sent", async (_way, end) => {
    const owner = await platform.signIn();
    const [leaver, guest, other] = [await join(owner, "admin"), await platform.signIn(), await platform.signIn()];
    const keyOf = async (user: TestUser) => (await by<NewApiKey>(user, "POST", "/v1/api-keys", {})).body.key;
    const list = async (key: string) =>
      (await platform.request("GET", "/v1/capsules", { headers: { "x-api-key": key } })).status;
    const [key, owners] = [await keyOf(leaver), await keyOf(owner)];
    const [invitation, ownersInvitation] = [await invite(leaver, guest), await invite(owner, other)];
    expect(await list(key)).toBe(200);

    expect((await end(leaver, owner)).status).toBe(204);

    expect([await list(key), await list(owners)]).toEqual([401, 200]);
    expect([await accept(guest, invitation), await accept(other, ownersInvitation)]).toEqual([404, 200]);
  });

  it("is still there as a member loses the invitations that only an admin sends", async () => {
    const owner = await platform.signIn();
    const [admin, guest] = [await join(owner, "admin"), await platform.signIn()];
    const invitation = await invite(admin, guest);
    const become = (role: string) => by(owner, "PATCH", `${pathOf(owner)}/members/${wire(admin)}`, { role });
    expect((await become("member")).status).toBe(204);
    expect((await become("admin")).status).toBe(204);
    expect(await accept(guest, invitation)).toBe(404);
  });

  it("sends no invitation that comes after they were removed", async () => {
    const owner = await platform.signIn();
    const [admin, guest] = [await join(owner, "admin"), await platform.signIn()];
    const held = await lock("memberships", admin);
    const removing = by(owner, "DELETE", `${pathOf(owner)}/members/${wire(admin)}`);
    await held.waiting(1);
    const inviting = by<Invitation>(admin, "POST", `${pathOf(owner)}/members`, { email: guest.email });
    await held.waiting(2);
    await held[Symbol.asyncDispose]();
    expect((await removing).status).toBe(204);
    expect((await inviting).body.error.code).toBe("no_team");
  });

  it("by closing the account, leaves no team without its owner that they are just given", async () => {
    const owner = await platform.signIn();
    const next = await join(owner, "member");
    const held = await lock("memberships", next);
    const giving = transfer(owner, next);
    await held.waiting(1);
    const closing = close(next);
    await held.waiting(2);
    await held[Symbol.asyncDispose]();
    const answers = [(await giving).status, (await closing).body.error.code];
    expect(answers).toEqual([204, "owns_team_with_members"]);
    expect(await ownersOf(owner)).toEqual([{ id: next.id, status: "active" }]);
  });

  it("by being locked out, takes along the capsules of a team that they are just given", async () => {
    const owner = await platform.signIn();
    const next = await join(owner, "member");
    const { id } = (await by<Capsule>(owner, "POST", "/v1/capsules", { memory_mb: 192 })).body;
    const held = await lock("memberships", next);
    const giving = transfer(owner, next);
    await held.waiting(1);
    const locking = lockOut(next);
    await held.waiting(2);
    await held[Symbol.asyncDispose]();
    expect([(await giving).status, (await locking).status]).toEqual([204, 204]);
    await until(async () => (await by<Capsule>(owner, "GET", `/v1/capsules/${id}`)).body.status === "stopped");
  });

  it("is given no team", async () => {
    const owner = await platform.signIn();
    const next = await join(owner, "member");
    await lockOut(next);
    expect((await transfer(owner, next)).status).toBe(404);
    expect(await ownersOf(owner)).toEqual([{ id: owner.id, status: "active" }]);
  });

  it("owns no team that they make, and is in none that they join, while their account ends", async () => {
    const [leaver, owner] = [await platform.signIn(), await platform.signIn()];
    const invitation = await invite(owner, leaver);
    const held = await lock("users", leaver);
    const closing = close(leaver);
    await held.waiting(1);
    const making = by(leaver, "POST", "/v1/teams", { name: "Late" });
    const joining = by(leaver, "POST", `/v1/me/invitations/${invitation}/accept`);
    await held.waiting(3);
    await held[Symbol.asyncDispose]();
    const answers = await Promise.all([closing, making, joining]);
    expect(answers.map(({ status }) => status)).toEqual([204, 403, 403]);
    const left = await platform.db.queries
      .select()
      .from(memberships)
      .innerJoin(teams, and(eq(teams.id, memberships.teamId), isNull(teams.deletedAt)))
      .where(eq(memberships.userId, leaver.id));
    expect(left).toEqual([]);
  });

  it("is in nobody's way when they are in a team still", async () => {
    const owner = await platform.signIn();
    const ghost = await join(owner, "member");
    await platform.db.queries.update(users).set({ status: "deleted" }).where(eq(users.id, ghost.id));
    expect((await close(owner)).status).toBe(204);
  });

  it("leaves a team that an administrator hands to one of its members", async () => {
    const owner = await platform.signIn();
    const [member, stranger] = [await join(owner, "member"), await platform.signIn()];
    const path = `/v1/admin${pathOf(owner).slice("/v1".length)}/owner`;
    const give = async (user: TestUser) => (await by(root, "PUT", path, { user_id: wire(user) })).status;
    await lockOut(owner);
    expect([await give(stranger), await give(owner)]).toEqual([404, 404]);
    expect(await ownersOf(owner)).toEqual([{ id: owner.id, status: "disabled" }]);
    expect((await by(member, "PUT", path, { user_id: wire(member) })).status).toBe(403);
    expect([await give(member), await give(member)]).toEqual([204, 204]);
    expect(await ownersOf(owner)).toEqual([{ id: member.id, status: "active" }]);
    expect((await by(member, "PATCH", pathOf(owner), { name: "Ours" })).status).toBe(204);
    await platform.db.queries.delete(memberships).where(eq(memberships.userId, member.id));
    const heir = await join(owner, "member");
    expect(await give(heir)).toBe(204);
  });
});
