import { randomUUID } from "node:crypto";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { idFromUuid } from "@wrenn/protocol/ids";
import type { NewApiKey } from "@wrenn/protocol/rest/api-keys";
import type { Capsule } from "@wrenn/protocol/rest/capsules";
import type { ProcessList } from "@wrenn/protocol/rest/processes";
import type { ErrorMessage } from "@wrenn/protocol/rest/streams";
import { eq, sql } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type ControlPlane, startControlPlane } from "../../control-plane.ts";
import { apiKeys, auditLogs, sessions } from "../../db/schema.ts";
import { Revocations } from "../../identity/revocations.ts";
import { as } from "../../testing/as.ts";
import { PASSWORD } from "../../testing/people.ts";
import { TestPlatform, type TestUser } from "../../testing/platform.ts";
import { ENGINES, silent } from "../../testing/postgres.ts";
import { setPassword } from "../../testing/rows.ts";
import { StreamClient } from "../../testing/stream-client.ts";
import { until } from "../../testing/until.ts";

type Client = StreamClient<ErrorMessage | { type: "start" | "started" | "ports" }>;

const STREAMS = {
  "/exec/stream": { type: "start", cmd: "sleep", args: ["1000"] },
  "/pty": { type: "start", cmd: "sleep", args: ["1000"] },
  "/processes/endless/stream": undefined,
  "/files/watch?path=.": undefined,
  "/ports/watch": undefined,
};

describe.each(ENGINES)("access that is revoked elsewhere on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let second: ControlPlane;
  let root: TestUser;
  let owner: TestUser;
  let member: TestUser;
  let id: string;
  const clients: Client[] = [];

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    second = await startControlPlane(platform.configOf(), silent);
    root = await platform.signIn({ isAdmin: true });
  }, 60_000);
  afterAll(async () => {
    await second.close();
    await platform[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    owner = await platform.signIn();
    member = await platform.signIn({ teamId: owner.teamId, role: "member" });
    ({ id } = (await by<Capsule>(owner, "POST", "/v1/capsules", {})).body);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await until(() => platform.host.guest.open === 0);
    await stopProcesses();
  });

  const by = <Body = unknown>(user: TestUser, method: string, path: string, body?: unknown) =>
    as<Body>(platform, user, method, path, body);
  const userId = ({ id: uuid }: TestUser) => idFromUuid("user", uuid);
  const teamPath = (rest: string) => `/v1/teams/${idFromUuid("team", owner.teamId)}${rest}`;
  const newKey = async (user = member) => (await by<NewApiKey>(user, "POST", "/v1/api-keys", {})).body;
  const processes = async () =>
    (await by<ProcessList>(owner, "GET", `/v1/capsules/${id}/processes`)).body.processes ?? [];
  async function stopProcesses(): Promise<void> {
    for (const { pid } of await processes()) await by(owner, "DELETE", `/v1/capsules/${id}/processes/${pid}`);
  }

  /** On the other control plane. @returns when it streams */
  async function open(
    who: TestUser | string,
    path = "/exec/stream",
    first: object | undefined = STREAMS["/exec/stream"],
  ) {
    const key = typeof who === "string" ? who : undefined;
    const client: Client = new StreamClient(`${second.url}/v1/capsules/${id}${path}`, key);
    clients.push(client);
    if (typeof who !== "string") await client.send({ type: "auth", token: who.headers.authorization.slice(7) });
    if (first !== undefined) await client.send(first);
    await until(() => client.messages.length > 0);
    return client;
  }

  async function expectEnd(client: Client, code: string): Promise<void> {
    expect(await client.end()).toBe(1008);
    expect(client.messages.at(-1)).toEqual({ type: "error", code, data: expect.any(String), fatal: true });
  }

  it("ends all that a key has open, and nothing else", async () => {
    const endless = { cmd: "sleep", args: ["1000"], background: true, tag: "endless" };
    await by(owner, "POST", `/v1/capsules/${id}/exec`, endless);
    const { id: keyId, key } = await newKey();
    const other = await open((await newKey(owner)).key);
    const streams = await Promise.all(Object.entries(STREAMS).map(([path, first]) => open(key, path, first)));
    expect((await by(member, "DELETE", `/v1/api-keys/${keyId}`)).status).toBe(204);
    for (const client of streams) await expectEnd(client, "unauthorized");
    // What it had begun in the capsule lives on, as after every stream.
    expect(await processes()).toHaveLength(4);
    expect(other.closed).toBeUndefined();
    expect(other.messages.map(({ type }) => type)).toEqual(["start"]);
  });

  it("ends what a key has open when the key expires, and when its maker leaves the team", async () => {
    const [made, expiring] = [await newKey(), await newKey(owner)];
    const [ofMember, ofOwner] = [await open(made.key), await open(expiring.key)];
    await platform.db.queries
      .update(apiKeys)
      .set({ expiresAt: sql`now()` })
      .where(eq(apiKeys.keyPrefix, expiring.key_prefix));
    await by(member, "POST", teamPath("/leave"));
    await expectEnd(ofMember, "unauthorized");
    await expectEnd(ofOwner, "unauthorized");
  });

  const ENDS: readonly [what: string, code: string, end: () => Promise<unknown>][] = [
    ["signs out", "unauthorized", () => by(member, "POST", "/v1/auth/logout")],
    [
      "is signed out by time",
      "unauthorized",
      () => platform.db.queries.update(sessions).set({ expiresAt: sql`now()` }).where(eq(sessions.userId, member.id)),
    ],
    ["is removed from the team", "no_team", () => by(owner, "DELETE", teamPath(`/members/${userId(member)}`))],
    [
      "is locked out by an administrator",
      "account_deactivated",
      () => by(root, "PUT", `/v1/admin/users/${userId(member)}/active`, { active: false }),
    ],
    [
      "deletes the account",
      "account_deactivated",
      () => by(member, "DELETE", "/v1/me", { confirmation: member.email }),
    ],
  ];

  it.each(ENDS)("ends what a user has open who %s", async (_what, code, end) => {
    const [mine, others] = [await open(member), await open(owner)];
    await end();
    await expectEnd(mine, code);
    expect(others.closed).toBeUndefined();
  });

  it("ends what a user has open elsewhere who changes the password, and not here", async () => {
    await setPassword(platform, member);
    const login = await platform.post<{ token: string }>("/v1/auth/login", { email: member.email, password: PASSWORD });
    const here = { ...member, headers: { authorization: `Bearer ${login.body.token}` } };
    const [there, stays] = [await open(member), await open(here)];
    const change = { current_password: PASSWORD, new_password: `${PASSWORD}!` };
    expect((await by(here, "POST", "/v1/me/password", change)).status).toBe(204);
    await expectEnd(there, "unauthorized");
    expect(stays.closed).toBeUndefined();
  });

  it("ends everything of a team that is deleted", async () => {
    const streams = [await open(member), await open((await newKey(owner)).key)];
    expect((await by(owner, "DELETE", teamPath(""))).status).toBe(204);
    // Its capsules end too, and whichever is first is told.
    for (const client of streams) expect([1000, 1008]).toContain(await client.end());
  });

  it("is asked of the database once for all who have something open", async () => {
    await using revocations = new Revocations(platform.db, silent);
    const asked = vi.spyOn(platform.db.pool, "query");
    const ended: string[] = [];
    for (let n = 0; n < 50; n++) {
      const principal = {
        kind: "api_key",
        keyId: randomUUID(),
        name: "k",
        teamId: owner.teamId,
        scopes: null,
      } as const;
      revocations.watch(principal, owner.teamId, ({ code }) => ended.push(code));
    }
    const over = { kind: "api_key", keyId: randomUUID(), name: "k", teamId: owner.teamId, scopes: null } as const;
    revocations.watch(over, owner.teamId, () => ended.push("over"))[Symbol.dispose]();
    await until(() => ended.length === 50);
    expect(new Set(ended)).toEqual(new Set(["unauthorized"]));
    expect(asked).toHaveBeenCalledTimes(1);
    asked.mockRestore();
  });

  it("is the end of input that has not reached the process", async () => {
    const { id: keyId, key } = await newKey();
    const client = await open(key, "/exec/stream", { type: "start", cmd: "sleep", args: ["1000"], stdin: true });
    // Of a client that is stopped, because nobody reads.
    const piece = { type: "stdin", data: Buffer.alloc(60_000).toString("base64") };
    await client.send(...Array.from({ length: 100 }, () => piece));
    expect((await by(member, "DELETE", `/v1/api-keys/${keyId}`)).status).toBe(204);
    await client.end();
    await until(() => platform.host.guest.open === 0);
  });

  describe("in long answers", () => {
    const send = (key: string, path: string, init: RequestInit = {}) =>
      fetch(`${second.url}/v1/capsules/${id}${path}`, {
        ...init,
        headers: { "x-api-key": key, "content-type": "application/json" },
      });

    it("is the end of a command, which is in the log", async () => {
      const { id: keyId, key } = await newKey();
      const body = JSON.stringify({ cmd: "sleep", args: ["1000"], timeout_sec: 0 });
      const answer = send(key, "/exec", { method: "POST", body });
      await until(async () => (await processes()).length === 1);
      await by(member, "DELETE", `/v1/api-keys/${keyId}`);
      const { status } = await answer;
      expect(status).toBe(401);
      expect(await (await answer).json()).toMatchObject({ error: { code: "unauthorized" } });
      await until(async () => (await processes()).length === 0);
      const entry = await until(async () => {
        const rows = await platform.db.queries.select().from(auditLogs).where(eq(auditLogs.actorId, keyId));
        return rows[0];
      });
      expect(entry).toMatchObject({ action: "exec", status: "error", metadata: { code: "unauthorized" } });
    });

    it("leaves administrators what they do with the platform's capsules, until they are none", async () => {
      const admin = await platform.signIn({ isAdmin: true });
      const { body: capsule } = await by<Capsule>(admin, "POST", "/v1/admin/capsules", {});
      const path = `/v1/admin/capsules/${capsule.id}`;
      expect(await by(admin, "POST", `${path}/exec`, { cmd: "sleep", args: ["2.5"] })).toMatchObject({ status: 200 });
      const answer = by(admin, "POST", `${path}/exec`, { cmd: "sleep", args: ["1000"], timeout_sec: 0 });
      await until(() => platform.host.guest.open > 0);
      expect((await by(root, "PUT", `/v1/admin/users/${userId(admin)}/admin`, { admin: false })).status).toBe(204);
      expect(await answer).toMatchObject({ status: 403, body: { error: { code: "forbidden" } } });
      expect((await by(root, "DELETE", path)).status).toBe(204);
    });

    it("cuts a download", async () => {
      const { id: keyId, key } = await newKey();
      const home = (await platform.host.guest.agent).root;
      const path = join(home, "huge");
      await truncateNew(path, 4 * 1024 ** 3);
      const answer = await send(key, `/files/download?${new URLSearchParams({ path })}`);
      expect(answer.status).toBe(200);
      await by(member, "DELETE", `/v1/api-keys/${keyId}`);
      await until(() => platform.host.guest.open === 0);
      await expect(answer.bytes()).rejects.toThrow();
    });
  });
});

/** A file that takes no space. */
async function truncateNew(path: string, bytes: number): Promise<void> {
  await writeFile(path, "");
  await truncate(path, bytes);
}
