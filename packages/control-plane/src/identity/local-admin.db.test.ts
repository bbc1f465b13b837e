import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { PLATFORM_TEAM } from "@wrenn/protocol/ids";
import type { Me } from "@wrenn/protocol/rest/accounts";
import { eq } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { memberships, users } from "../db/schema.ts";
import { newEmail, PASSWORD, People } from "../testing/people.ts";
import { NO_LIMITS } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { type AdminConfig, ensureAdmin } from "./local-admin.ts";

describe.each(ENGINES)("the administrator of an instance on PostgreSQL $name", (engine) => {
  let people: People;
  let file: string;

  beforeAll(async () => {
    people = await People.start(engine);
    file = people.platform.server.layout.adminPasswordFile;
  }, 60_000);
  afterAll(() => people[Symbol.asyncDispose]());
  afterEach(async () => {
    await people.platform.db.queries.delete(users);
    await rm(file, { force: true });
  });

  const ensure = (config: AdminConfig) => ensureAdmin(people.platform.db, config, file);
  const local = () => ensure({ kind: "local" });
  const given = (email: string, password = PASSWORD) => ensure({ kind: "given", email, password });

  it("is there after the first start, with a password that only root can read", async () => {
    await people.restart({ admin: { kind: "local" } });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const password = (await readFile(file, "utf8")).trim();
    expect(password).toMatch(/^[0-9a-f]{32}$/);
    const { body: auth } = await people.logIn("admin@localhost", password);
    const me = await people.request<Me>("GET", "/v1/me", auth);
    expect(me.body).toMatchObject({ is_admin: true, role: "owner", team_id: PLATFORM_TEAM });
    expect((await people.request("GET", "/v1/capsules", auth)).status).toBe(200);
  });

  it("is one, however many control planes start, and however often", async () => {
    await Promise.all([local(), local(), local()]);
    await local();
    const rows = await people.platform.db.queries.select().from(users);
    expect(rows.map(({ email }) => email)).toEqual(["admin@localhost"]);
    const password = (await readFile(file, "utf8")).trim();
    expect((await people.logIn("admin@localhost", password)).status).toBe(200);
  });

  it("is none where there are users already", async () => {
    await people.join();
    await local();
    expect(await people.platform.db.queries.select().from(users)).toHaveLength(1);
    await expect(readFile(file)).rejects.toThrow();
  });

  it("has the password of the file when the database is new", async () => {
    await writeFile(file, "kept from before\n");
    await local();
    expect((await people.logIn("admin@localhost", "kept from before")).status).toBe(200);
  });

  it("is the configured one, who keeps a password of their own at the next start", async () => {
    const email = newEmail();
    await people.join();
    await Promise.all([given(email), given(email)]);
    const { body: auth } = await people.logIn(email);
    const change = { current_password: PASSWORD, new_password: "another one" };
    expect((await people.post("/v1/me/password", change, auth)).status).toBe(204);
    await given(email);
    expect((await people.logIn(email)).status).toBe(401);
    expect((await people.logIn(email, "another one")).status).toBe(200);
  });

  it("is never somebody who only signed up with the address", async () => {
    const email = newEmail();
    await people.signUp(email, "Mallory", "mallory's own");
    const token = await people.activationToken(email);
    await given(email);
    expect((await people.activate(token)).body.error.code).toBe("invalid_token");
    expect((await people.logIn(email, "mallory's own")).status).toBe(401);
    expect((await people.logIn(email)).status).toBe(200);
  });

  it("owns the platform's team unless somebody does", async () => {
    await given("first@example.com");
    await given("second@example.com");
    const roles = await people.platform.db.queries
      .select({ email: users.email, role: memberships.role })
      .from(memberships)
      .innerJoin(users, eq(users.id, memberships.userId));
    expect(roles.toSorted((a, b) => a.email.localeCompare(b.email))).toEqual([
      { email: "first@example.com", role: "owner" },
      { email: "second@example.com", role: "admin" },
    ]);
  });

  it("makes nobody else an administrator by being first", async () => {
    await local();
    const auth = await people.join();
    expect((await people.request<Me>("GET", "/v1/me", auth)).body.is_admin).toBe(false);
  });

  it("can sign in only so often from one address", async () => {
    await given("first@example.com");
    const rateLimits = { ...NO_LIMITS, loginPerMinute: 3 };
    await people.restart({ rateLimits });
    const wrong = () => people.logIn("first@example.com", "wrong password");
    expect([await wrong(), await wrong(), await wrong()].map(({ status }) => status)).toEqual([401, 401, 401]);
    const refused = await people.logIn(" FIRST@example.com");
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await people.logIn("other@example.com")).status).toBe(401);
  });

  it("is not searched for by trying many addresses from one", async () => {
    await people.restart({ rateLimits: { ...NO_LIMITS, loginPerAddressPerMinute: 3 } });
    const attempts = [];
    for (let i = 0; i < 4; i++) attempts.push(await people.logIn(newEmail()));
    expect(attempts.map(({ status }) => status)).toEqual([401, 401, 401, 429]);
    expect(Number(attempts[3]?.headers.get("retry-after"))).toBeGreaterThan(1);
  });
});
