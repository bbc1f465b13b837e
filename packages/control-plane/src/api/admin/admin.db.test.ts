import { idFromUuid, newId, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import type { AdminTeam, AdminTeams, AdminTemplate, AdminUser, AdminUsers } from "@wrenn/protocol/rest/admin";
import type { NewApiKey } from "@wrenn/protocol/rest/api-keys";
import type { Capsule } from "@wrenn/protocol/rest/capsules";
import { and, eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Database } from "../../db/database.ts";
import { teams, users } from "../../db/schema.ts";
import { holdAnotherAdmin, setAdmin } from "../../identity/admins.ts";
import { as } from "../../testing/as.ts";
import { TestPlatform, type TestUser } from "../../testing/platform.ts";
import { ENGINES, silent } from "../../testing/postgres.ts";
import { until } from "../../testing/until.ts";

describe.each(ENGINES)("administration on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let admin: TestUser;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());
  beforeEach(async () => {
    await platform.clear();
    await platform.db.queries.update(users).set({ isAdmin: false });
    admin = await platform.signIn({ isAdmin: true });
  });

  const by = <Body = unknown>(user: TestUser, method: string, path: string, body?: unknown) =>
    as<Body>(platform, user, method, path, body);
  const team = ({ teamId }: TestUser) => idFromUuid("team", teamId);
  const user = ({ id }: TestUser) => idFromUuid("user", id);
  const activeAdmins = () =>
    platform.db.queries
      .select()
      .from(users)
      .where(and(eq(users.isAdmin, true), eq(users.status, "active")));

  /** All items of all pages. */
  async function all<Item>(path: string, items: (body: AdminTeams & AdminUsers) => Item[]): Promise<Item[]> {
    const found: Item[] = [];
    for (let page = 1, pages = 1; page <= pages; page++) {
      const { body } = await by<AdminTeams & AdminUsers>(admin, "GET", `${path}?page=${page}`);
      expect(body).toMatchObject({ page, per_page: 100 });
      pages = body.total_pages;
      found.push(...items(body));
      if (page === pages) expect(found).toHaveLength(body.total);
    }
    return found;
  }
  const listedTeam = async (id: string): Promise<AdminTeam | undefined> =>
    (await all("/v1/admin/teams", (body) => body.teams)).find((one) => one.id === id);
  const listedUser = async (id: string): Promise<AdminUser | undefined> =>
    (await all("/v1/admin/users", (body) => body.users)).find((one) => one.id === id);

  it("is for administrators as the database has them now, whatever their token says", async () => {
    expect((await by(admin, "GET", "/v1/admin/users")).status).toBe(200);
    await platform.db.queries.update(users).set({ isAdmin: false }).where(eq(users.id, admin.id));
    expect((await by(admin, "GET", "/v1/admin/users")).status).toBe(403);
  });

  it("lists all teams but the platform's own, with who and what is in them, deleted ones too", async () => {
    const owner = await platform.signIn();
    await platform.signIn({ teamId: owner.teamId, role: "member" });
    await by<Capsule>(owner, "POST", "/v1/capsules", {});
    expect(await listedTeam(team(owner))).toMatchObject({
      owner_email: owner.email,
      owner_name: "Someone",
      member_count: 2,
      active_sandbox_count: 1,
      channel_count: 0,
      deleted_at: null,
      quotas: {},
    });
    expect((await by(admin, "DELETE", `/v1/admin/teams/${team(owner)}`)).status).toBe(204);
    expect((await by(owner, "GET", "/v1/capsules")).body.error.code).toBe("no_team");
    await until(() => platform.host.machines.size === 0);
    const deleted = await listedTeam(team(owner));
    expect(deleted).toMatchObject({ active_sandbox_count: 0, deleted_at: expect.stringMatching(/Z$/) });
    expect(await listedTeam(PLATFORM_TEAM)).toBeUndefined();
    expect((await by(admin, "DELETE", `/v1/admin/teams/${team(owner)}`)).status).toBe(404);
    expect((await by(admin, "DELETE", `/v1/admin/teams/${PLATFORM_TEAM}`)).status).toBe(403);
  });

  it("lists more teams than fit on a page, each once", async () => {
    const at = new Date();
    const many = Array.from({ length: 120 }, (_, i) => {
      const id = crypto.randomUUID();
      return { id, name: `Team ${i}`, slug: id.slice(0, 13), createdAt: at };
    });
    await platform.db.queries.insert(teams).values(many);
    const ids = (await all("/v1/admin/teams", (body) => body.teams)).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining(many.map(({ id }) => idFromUuid("team", id))));
    expect((await by(admin, "GET", "/v1/admin/teams?page=0")).status).toBe(400);
    expect((await by<AdminTeams>(admin, "GET", "/v1/admin/teams?page=1000")).body.teams).toEqual([]);
  });

  it("sets quotas, all at once, and lets teams bring hosts", async () => {
    const owner = await platform.signIn();
    const path = `/v1/admin/teams/${team(owner)}`;
    expect((await by(admin, "PUT", `${path}/quotas`, { max_capsules: 3, max_memory_mb: 0 })).status).toBe(204);
    expect((await listedTeam(team(owner)))?.quotas).toEqual({ max_capsules: 3, max_memory_mb: 0 });
    expect((await by(admin, "PUT", `${path}/quotas`, { max_vcpus: 8, max_capsules: null })).status).toBe(204);
    expect((await listedTeam(team(owner)))?.quotas).toEqual({ max_vcpus: 8 });
    for (const wrong of [
      { max_vcpus: -1 },
      { max_vcpus: 1.5 },
      { max_vcpus: "8" },
      { max_vcpus: 1e12 },
      { vcpus: 8 },
    ]) {
      expect((await by(admin, "PUT", `${path}/quotas`, wrong)).status, JSON.stringify(wrong)).toBe(400);
    }
    expect((await by(admin, "PUT", `${path}/byoc`, { enabled: false })).status).toBe(400);
    expect((await by(admin, "PUT", `${path}/byoc`, { enabled: true })).status).toBe(204);
    expect(await listedTeam(team(owner))).toMatchObject({ is_byoc: true, quotas: { max_vcpus: 8 } });
    const nowhere = `/v1/admin/teams/${newId("team")}`;
    expect((await by(admin, "PUT", `${nowhere}/quotas`, {})).status).toBe(404);
    expect((await by(admin, "PUT", `${nowhere}/byoc`, { enabled: true })).status).toBe(404);
  });

  it("lists users with their teams", async () => {
    const owner = await platform.signIn();
    await by(owner, "POST", "/v1/teams", { name: "Second" });
    const { email } = owner;
    const expected = { email, is_admin: false, status: "active", teams_joined: 2, teams_owned: 2 };
    expect(await listedUser(user(owner))).toMatchObject(expected);
    await platform.db.queries.update(users).set({ status: "deleted" }).where(eq(users.id, owner.id));
    expect(await listedUser(user(owner))).toBeUndefined();
    expect((await by(admin, "PUT", `/v1/admin/users/${user(owner)}/admin`, { admin: true })).status).toBe(404);
    expect((await by(admin, "PUT", `/v1/admin/users/${user(owner)}/active`, { active: true })).status).toBe(404);
  });

  it("locks a user out at once: sessions, keys, and capsules of their teams", async () => {
    const owner = await platform.signIn();
    const guest = await platform.signIn({ teamId: owner.teamId, role: "member" });
    const { key } = (await by<NewApiKey>(owner, "POST", "/v1/api-keys", {})).body;
    const { key: guests } = (await by<NewApiKey>(guest, "POST", "/v1/api-keys", {})).body;
    const { id } = (await by<Capsule>(owner, "POST", "/v1/capsules", {})).body;
    await by(owner, "POST", `/v1/capsules/${id}/pause`);
    const path = `/v1/admin/users/${user(owner)}/active`;
    expect((await by(admin, "PUT", path, { active: false })).status).toBe(204);
    expect((await by(admin, "PUT", path, { active: false })).status).toBe(204);
    expect(await by(owner, "GET", "/v1/teams")).toMatchObject({
      status: 403,
      body: { error: { code: "account_deactivated" } },
    });
    const status = async (text: string) =>
      (await platform.request("GET", "/v1/capsules", { headers: { "x-api-key": text } })).status;
    expect(await status(key)).toBe(401);
    expect(await status(guests)).toBe(200);
    await until(() => platform.host.machines.size === 0);
    expect((await by<Capsule>(guest, "GET", `/v1/capsules/${id}`)).body).toMatchObject({
      status: "stopped",
      end_reason: "admin",
    });
    expect(await listedUser(user(owner))).toMatchObject({ status: "disabled" });
    expect((await by(admin, "PUT", path, { active: true })).status).toBe(204);
    expect(await listedUser(user(owner))).toMatchObject({ status: "active" });
    // What was ended stays so: they sign in anew.
    expect((await by(owner, "GET", "/v1/teams")).status).toBe(401);
  });

  it("opens an account that was never activated, with a team of its own", async () => {
    const id = crypto.randomUUID();
    const fields = { id, email: `${id}@example.com`, name: "Zoë (new)", status: "inactive" as const };
    await platform.db.queries.insert(users).values(fields);
    const grant = () => by(admin, "PUT", `/v1/admin/users/${idFromUuid("user", id)}/admin`, { admin: true });
    // Rights of an address that nobody has shown to be theirs would be whose?
    expect((await grant()).body.error.code).toBe("conflict");
    const path = `/v1/admin/users/${idFromUuid("user", id)}/active`;
    for (let time = 0; time < 2; time++) expect((await by(admin, "PUT", path, { active: true })).status).toBe(204);
    const owned = (await all("/v1/admin/teams", (body) => body.teams)).filter(
      (one) => one.owner_email === fields.email,
    );
    expect(owned.map(({ name }) => name)).toEqual(["Zo new's Team"]);
    expect((await grant()).status).toBe(204);
  });

  it("does not let administrators deactivate themselves, or the last one go", async () => {
    const self = `/v1/admin/users/${user(admin)}`;
    expect((await by(admin, "PUT", `${self}/active`, { active: false })).status).toBe(400);
    const revoke = await by(admin, "PUT", `${self}/admin`, { admin: false });
    expect(revoke).toMatchObject({ status: 400, body: { error: { code: "invalid_request" } } });
    const other = await platform.signIn();
    const path = `/v1/admin/users/${user(other)}/admin`;
    for (let time = 0; time < 2; time++) expect((await by(admin, "PUT", path, { admin: true })).status).toBe(204);
    expect((await by(admin, "PUT", `${self}/admin`, { admin: false })).status).toBe(204);
    expect((await by(admin, "GET", "/v1/admin/users")).status).toBe(403);
    expect((await by(other, "PUT", `${self}/admin`, { admin: false })).status).toBe(204);
    expect((await activeAdmins()).map(({ id }) => id)).toEqual([other.id]);
  });

  it("keeps one administrator when all are taken out at once through two control planes", async () => {
    const all50 = [admin, ...(await Promise.all(Array.from({ length: 49 }, () => platform.signIn({ isAdmin: true }))))];
    const second = new Database(platform.databaseUrl, silent);
    try {
      const databases = [platform.db, second];
      const ends = await Promise.allSettled(
        all50.map(({ id }, i) => {
          const db = databases[i % 2] ?? platform.db;
          // Half are revoked, the others are locked out.
          if (i % 4 < 2) return setAdmin(db, id, false);
          return db.queries.transaction(async (tx) => {
            await holdAnotherAdmin(tx, id);
            await tx.update(users).set({ status: "disabled" }).where(eq(users.id, id));
          });
        }),
      );
      const refused = ends.filter((end) => end.status === "rejected");
      expect(refused.map(({ reason }) => reason)).toMatchObject([{ code: "invalid_request" }]);
      expect(await activeAdmins()).toHaveLength(1);
    } finally {
      await second.close();
    }
  });

  it("lists the templates of all teams, and deletes those of the platform's own", async () => {
    const owner = await platform.signIn();
    const { id } = (await by<Capsule>(owner, "POST", "/v1/capsules", {})).body;
    await by(owner, "POST", "/v1/snapshots", { sandbox_id: id, name: "theirs" });
    const own = await platform.createCapsule();
    await platform.post("/v1/snapshots", { sandbox_id: own.id, name: "ours" });
    const { body } = await by<AdminTemplate[]>(admin, "GET", "/v1/admin/templates");
    expect(body.map(({ name, type, team_id: of }) => [name, type, of])).toEqual([
      ["ours", "snapshot", PLATFORM_TEAM],
      ["theirs", "snapshot", team(owner)],
      ["minimal", "base", PLATFORM_TEAM],
    ]);
    expect((await by(admin, "DELETE", "/v1/admin/templates/minimal")).status).toBe(403);
    expect((await by(admin, "DELETE", "/v1/admin/templates/theirs")).status).toBe(404);
    expect((await by(admin, "DELETE", "/v1/admin/templates/ours")).status).toBe(204);
    expect((await by(admin, "DELETE", "/v1/admin/templates/ours")).status).toBe(404);
    await by(admin, "DELETE", `/v1/admin/teams/${team(owner)}`);
  });
});
