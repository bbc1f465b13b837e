import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { newCertificateRequest } from "@wrenn/host-agent/enrolment/request";
import { idFromUuid } from "@wrenn/protocol/ids";
import type { HostCredentials } from "@wrenn/protocol/rest/hosts";
import { eq, isNotNull, isNull, ne } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Database } from "../db/database.ts";
import { migrateDatabase } from "../db/migrate.ts";
import { hosts } from "../db/schema.ts";
import { type Failure, TestPlatform } from "../testing/platform.ts";
import { ENGINES, freshDatabase, silent } from "../testing/postgres.ts";
import { issueHostToken } from "./credentials.ts";
import { LocalHost } from "./local-host.ts";

describe.each(ENGINES)("the host of the box on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  const ownId = () => readFileSync(platform.server.layout.instanceFile, "utf8");
  const open = (changes: { instance?: string; sole?: boolean } = {}) => {
    const { instance: folder } = platform.server.layout;
    const isOnline = () => false;
    return LocalHost.ensure({ db: platform.db, instance: ownId(), folder, sole: false, isOnline, ...changes });
  };
  const rows = () => platform.db.queries.select().from(hosts).where(isNotNull(hosts.localInstance));
  const own = async () => (await rows())[0] ?? expect.unreachable();
  const register = (token: string | undefined, address: string) => {
    const body = { token, address, csr: newCertificateRequest().csrPem };
    return platform.post<HostCredentials & Failure>("/v1/hosts/register", body);
  };
  const beat = async (uuid: string, token: string, address?: string) => {
    const headers = { "x-host-token": token, "content-type": "application/json" };
    const init = { method: "POST", headers, body: JSON.stringify({ address }) };
    return (await fetch(`${platform.url}/v1/hosts/${idFromUuid("host", uuid)}/heartbeat`, init)).status;
  };

  it("is one row, whoever starts, however often, and of whatever folder the database was", async () => {
    const { id } = await own();
    await Promise.all([open(), open(), open()]);
    expect((await rows()).map((row) => row.id)).toEqual([id]);
    await open({ instance: "0000000000", sole: true });
    expect(await rows()).toMatchObject([{ id, localInstance: "0000000000" }]);
    await open({ sole: true });
    expect(await rows()).toMatchObject([{ id, localInstance: ownId() }]);
    // Somebody else's, where several use the database.
    await Promise.all([open({ instance: "1111111111" }), open({ instance: "1111111111" })]);
    expect(await rows()).toHaveLength(2);
    await platform.db.queries.delete(hosts).where(eq(hosts.localInstance, "1111111111"));
  });

  it("is nobody else's, though another box has a folder of the same name", async () => {
    const { id } = await own();
    const { instance: folder } = platform.server.layout;
    await platform.db.queries.update(hosts).set({ localInstance: folder }).where(eq(hosts.id, id));
    // Of two that may have been the one that was here before, one is.
    await Promise.all([open({ instance: "one" }), open({ instance: "other" })]);
    const made = await rows();
    expect(new Set(made.map(({ localInstance }) => localInstance))).toEqual(new Set(["one", "other"]));
    expect(made.filter((row) => row.id === id)).toHaveLength(1);
    await platform.db.queries.delete(hosts).where(ne(hosts.id, id));
    await platform.db.queries.update(hosts).set({ localInstance: ownId() }).where(eq(hosts.id, id));
  });

  it("enrols with its last token, however it stands, and what it had before is refused", async () => {
    const { id, address } = await own();
    const at = (address ?? "").replace("https://", "");
    const local = await open();
    const [first, last] = [await local.token(), await local.token()];
    expect(await register(first, at)).toMatchObject({ status: 401 });
    expect((await own()).status).toBe("online");
    const { status, body: before } = await register(last, at);
    expect([status, before.host.id]).toEqual([201, idFromUuid("host", id)]);
    expect(await beat(id, before.token)).toBe(204);
    const { body: after } = await register(await local.token(), at);
    expect(await beat(id, before.token)).toBe(401);
    expect(await beat(id, after.token)).toBe(204);
    // As after the database was put back.
    await platform.db.queries
      .update(hosts)
      .set({ certFingerprint: "0".repeat(64) })
      .where(eq(hosts.id, id));
    expect(await beat(id, after.token)).toBe(401);
  });

  it("tells with its heartbeat that its port has changed, and nothing else of its address", async () => {
    const { id } = await own();
    const { body } = await register(await (await open()).token(), "127.0.0.1:50001");
    expect(await beat(id, body.token, "127.0.0.1:50002")).toBe(204);
    expect((await own()).address).toBe("https://127.0.0.1:50002");
    expect(await beat(id, body.token, "127.0.0.2:50002")).toBe(400);
    const other = randomUUID();
    await platform.db.queries.insert(hosts).values({ id: other });
    await register(await issueHostToken(platform.db.queries, other, "registration"), "127.0.0.1:50003");
    expect(await beat(id, body.token, "127.0.0.1:50003")).toBe(409);
    expect((await own()).address).toBe("https://127.0.0.1:50002");
  });

  it("gets no more tokens once it was deleted, until the next start makes a new one", async () => {
    const { id } = await own();
    const local = await open();
    await platform.db.queries.update(hosts).set({ deletedAt: new Date(), address: null }).where(eq(hosts.id, id));
    expect(await local.token()).toBeUndefined();
    expect(await (await open({ sole: true })).token()).toMatch(/^[0-9a-f]{64}$/);
    const there = await platform.db.queries.select().from(hosts).where(isNull(hosts.deletedAt));
    expect(there.filter(({ localInstance }) => localInstance !== null)).toMatchObject([{ status: "pending" }]);
    expect(there.map((row) => row.id)).not.toContain(id);
  });

  it("gets its token when the database is there, and is told so when it is not", async () => {
    const { postgres } = platform.server;
    const db = new Database(await freshDatabase(postgres), silent);
    await migrateDatabase(db);
    const { instance: folder } = platform.server.layout;
    const host = await LocalHost.ensure({ db, instance: "one", folder, sole: false, isOnline: () => false });
    expect(await host.token()).toEqual(expect.any(String));
    await db.close();
    const away = new Database("postgres://postgres@127.0.0.1:1/none", silent);
    Object.assign(db, { queries: away.queries });
    await expect(host.token()).rejects.toMatchObject({ code: "database_unavailable" });
    await away.close();
  });
});
