import { request as secureRequest } from "node:https";
import { writeCredentials } from "@wrenn/host-agent/enrolment/credentials";
import { newCertificateRequest } from "@wrenn/host-agent/enrolment/request";
import { idFromUuid, idToUuid, newId, parseId } from "@wrenn/protocol/ids";
import type { Host, HostCredentials, HostDeletePreview, HostWithToken } from "@wrenn/protocol/rest/hosts";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditLogs, hosts, hostTokens, teams } from "../db/schema.ts";
import { EnrolledHost } from "../testing/enrolled-host.ts";
import { type Failure, TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";

describe.each(ENGINES)("hosts on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let admin: TestUser;
  let local: string;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    admin = await platform.signIn({ isAdmin: true });
    [{ id: local = "" } = {}] = (await call<Host[]>(admin, "GET", "")).body;
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  const call = <Body = Host & Failure>(who: TestUser, method: string, path: string, body?: object) =>
    platform.request<Body>(method, `/v1/hosts${path}`, {
      headers: who.headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const enter = async (who: TestUser, body: object = { type: "regular" }) => {
    const answer = await call<HostWithToken & Failure>(who, "POST", "", body);
    expect(answer.status).toBe(201);
    return answer.body;
  };
  const register = (token: string, changes: object = {}) => {
    const body = { token, address: "192.0.2.9:50051", csr: newCertificateRequest().csrPem, ...changes };
    return platform.post<HostCredentials & Failure>("/v1/hosts/register", body);
  };
  const refresh = (refresh_token: string, csr = newCertificateRequest().csrPem) =>
    platform.post<HostCredentials & Failure>("/v1/hosts/auth/refresh", { refresh_token, csr });
  const beat = (id: string, token: string) =>
    fetch(`${platform.url}/v1/hosts/${id}/heartbeat`, { method: "POST", headers: { "x-host-token": token } });
  const statusOf = async (id: string) => (await call(admin, "GET", `/${id}`)).body.status;
  const becomes = (id: string, status: string) => until(async () => (await statusOf(id)) === status);
  const drain = (id: string, draining: boolean) => call(admin, "PUT", `/${id}/drain`, { draining });
  const rowOf = async (id: string) => {
    const [row] = await platform.db.queries
      .select()
      .from(hosts)
      .where(eq(hosts.id, idToUuid(parseId("host", id))));
    return row;
  };
  /** As soon as a host that was lost for a moment is online again. */
  const createdAgain = async () =>
    (await platform.retry(() => platform.post<{ id: string }>("/v1/capsules", {}), 201)).body.id;
  const enrolled = async () => {
    const { host, registration_token } = await enter(admin);
    const agent = await EnrolledHost.start(platform.url, registration_token);
    await becomes(host.id, "online");
    return { id: host.id, agent };
  };

  it("are entered by administrators, or by who may speak for a team that brings its own", async () => {
    const owner = await platform.signIn();
    const team_id = idFromUuid("team", owner.teamId);
    const member = await platform.signIn({ role: "member", teamId: owner.teamId });
    const stranger = await platform.signIn();
    expect(await call(owner, "POST", "", { type: "regular" })).toMatchObject({ status: 403 });
    expect(await call(owner, "POST", "", { type: "byoc" })).toMatchObject({ status: 400 });
    await platform.db.queries.update(teams).set({ isByoc: true }).where(eq(teams.id, owner.teamId));
    expect(await call(member, "POST", "", { type: "byoc" })).toMatchObject({ status: 403 });
    expect(await call(stranger, "POST", "", { type: "byoc", team_id })).toMatchObject({ status: 403 });
    expect(await call(admin, "POST", "", { type: "regular", team_id })).toMatchObject({ status: 400 });

    const { host, registration_token } = await enter(owner, { type: "byoc", provider: "attic", tags: ["eu", "eu"] });
    expect(host).toMatchObject({ type: "byoc", team_id, team_name: "Someone's", status: "pending", tags: ["eu"] });
    expect(host).toMatchObject({ provider: "attic", created_by: idFromUuid("user", owner.id) });
    expect(host).not.toHaveProperty("address");
    expect(registration_token).toMatch(/^[0-9a-f]{64}$/);
    const kept = await platform.db.queries.select().from(hostTokens);
    expect(JSON.stringify(kept)).not.toContain(registration_token);

    const seenBy = async (who: TestUser) => (await call<Host[]>(who, "GET", "")).body.map(({ id }) => id);
    expect(await seenBy(owner)).toEqual([host.id]);
    expect(await seenBy(member)).toEqual([host.id]);
    expect(await seenBy(stranger)).toEqual([]);
    expect(await seenBy(admin)).toEqual([host.id, local]);
    expect(await call(member, "GET", `/${host.id}`)).toMatchObject({ status: 200, body: { id: host.id } });
    for (const id of [host.id, local]) expect(await call(stranger, "GET", `/${id}`)).toMatchObject({ status: 404 });
    expect(await call(member, "DELETE", `/${host.id}`)).toMatchObject({ status: 403 });
    expect(await call(owner, "DELETE", `/${host.id}`)).toMatchObject({ status: 204 });
    expect(await call(owner, "GET", `/${host.id}`)).toMatchObject({ status: 404 });
    const entries = await platform.db.queries
      .select()
      .from(auditLogs)
      .where(eq(auditLogs.teamId, owner.teamId))
      .orderBy(auditLogs.createdAt);
    expect(entries.map(({ resourceId, action }) => [resourceId, action])).toEqual([
      [host.id, "create"],
      [host.id, "delete"],
    ]);
  });

  it("have tags", async () => {
    const { host } = await enter(admin);
    const tags = async () => (await call<string[]>(admin, "GET", `/${host.id}/tags`)).body;
    for (const tag of ["gpu", "eu", "gpu"]) {
      expect((await call(admin, "POST", `/${host.id}/tags`, { tag })).status).toBe(204);
    }
    expect(await tags()).toEqual(["gpu", "eu"]);
    expect((await call(admin, "DELETE", `/${host.id}/tags/gpu`)).status).toBe(204);
    expect(await tags()).toEqual(["eu"]);
    expect(await call(admin, "POST", `/${host.id}/tags`, { tag: "no blanks" })).toMatchObject({ status: 400 });
    await call(admin, "DELETE", `/${host.id}`);
  });

  it("enrol once with a token, however many try at the same time", async () => {
    const { host, registration_token: token } = await enter(admin);
    expect(await register("0".repeat(64))).toMatchObject({ status: 401 });
    expect(await register(token, { csr: "no request" })).toMatchObject({ status: 400 });
    for (const address of ["nowhere", "host:0", "host:70000", "user@host:1", "host:1/x"]) {
      expect(await register(token, { address })).toMatchObject({ status: 400 });
    }
    const answers = await Promise.all(Array.from({ length: 8 }, () => register(token)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(7);
    const { body } = answers.find(({ status }) => status === 201) ?? {};
    expect(JSON.stringify(body)).not.toContain("PRIVATE");
    expect(body?.host).toMatchObject({ id: host.id, address: "192.0.2.9:50051", status: "pending" });

    const other = await enter(admin);
    expect(await register(other.registration_token)).toMatchObject({ status: 409 });
    expect(await register(other.registration_token, { address: "192.0.2.10:1" })).toMatchObject({ status: 201 });
    const expired = await call<HostWithToken>(admin, "POST", `/${other.host.id}/token`);
    await platform.db.queries.update(hostTokens).set({ expiresAt: new Date(Date.now() - 1) });
    expect(await register(expired.body.registration_token)).toMatchObject({ status: 401 });
    for (const { id } of [host, other.host]) await call(admin, "DELETE", `/${id}`);
  });

  it("serve capsules over mutual TLS, and nobody but the control plane", async () => {
    const { id, agent } = await enrolled();
    await using _ = agent;
    expect((await drain(local, true)).body).toMatchObject({ status: "draining" });
    const { id: capsule } = await platform.createCapsule();
    expect([agent.fake.statusOf(capsule), platform.host.statusOf(capsule)]).toEqual(["running", undefined]);
    const exec = await platform.act<{ stdout: string }>(capsule, "exec", { cmd: "echo", args: ["over TLS"] });
    expect(exec).toMatchObject({ status: 200, body: { stdout: "over TLS\n" } });
    await platform.destroyCapsule(capsule);

    const { cert_pem: cert, key_pem: key, ca_cert_pem: ca } = (await agent.credentials()) ?? {};
    const ask = (options: object) =>
      new Promise((resolve) => {
        const target = { host: "127.0.0.1", port: agent.port, path: "/", agent: false as const, ca, ...options };
        secureRequest(target, (answer) => resolve(answer.statusCode))
          .on("error", () => resolve("refused"))
          .end();
      });
    expect(await ask({})).toBe("refused");
    expect(await ask({ cert, key })).toBe("refused");
    expect(await ask({ maxVersion: "TLSv1.2" })).toBe("refused");
    await drain(local, false);
    await becomes(local, "online");
    await call(admin, "DELETE", `/${id}`);
  });

  it("go on with their old certificate until they have shown that they have the new one, and no longer", async () => {
    const { id, agent } = await enrolled();
    await using _ = agent;
    const before = await agent.credentials();
    if (before === undefined) throw new Error("the host has no credentials");
    const { keyPem, csrPem } = newCertificateRequest();
    const { body: renewed } = await refresh(before.refresh_token, csrPem);
    const again = await refresh(before.refresh_token);
    expect(again.status).toBe(200);
    expect((await refresh(renewed.refresh_token)).status).toBe(401);
    expect((await beat(id, before.token)).status).toBe(204);
    const { keyPem: key_pem, csrPem: csr } = newCertificateRequest();
    const { body: last } = await refresh(again.body.refresh_token, csr);
    expect((await refresh(before.refresh_token)).status).toBe(401);
    expect(keyPem).not.toBe(key_pem);

    agent.fake.breakConnections();
    await drain(local, true);
    const capsule = await createdAgain();
    expect((await beat(id, last.token)).status).toBe(204);
    expect((await rowOf(id))?.previousFingerprint).toBeNull();
    // Whoever asks the host for something reads what it is to show from then on.
    expect((await platform.act(capsule, "ping")).status).toBe(204);
    agent.fake.breakConnections();
    await becomes(id, "unreachable");
    const refused = await platform.act<Failure>(capsule, "exec", { cmd: "true" });
    expect(refused.body.error.code).toBe("host_unavailable");
    agent.show({ ...before, ...last, key_pem });
    await becomes(id, "online");
    expect(agent.fake.machines.has(capsule)).toBe(true);
    await platform.retry(() => platform.request("DELETE", `/v1/capsules/${capsule}`), 204);
    await drain(local, false);
    await call(admin, "DELETE", `/${id}?force=true`);
  });

  it("show that they live, and renew what was refused by themselves", async () => {
    const { id, agent } = await enrolled();
    await using _ = agent;
    const before = await agent.credentials();
    if (before === undefined) throw new Error("the host has no credentials");
    expect((await beat(id, before.token)).status).toBe(204);
    expect((await beat(newId("host"), before.token)).status).toBe(403);
    expect((await beat(id, "nonsense")).status).toBe(401);
    const asUser = { headers: { authorization: `Bearer ${before.token}` } };
    expect((await platform.request("GET", "/v1/hosts", asUser)).status).toBe(401);
    expect((await beat(id, admin.headers.authorization.slice("Bearer ".length))).status).toBe(401);

    await writeCredentials(agent.file, { ...before, token: "nonsense" });
    await agent.keep(20);
    await until(async () => (await agent.credentials())?.cert_pem !== before.cert_pem);
    await until(async () => (await rowOf(id))?.previousFingerprint === null);
    agent.fake.breakConnections();
    await drain(local, true);
    const capsule = await createdAgain();
    expect(agent.fake.statusOf(capsule)).toBe("running");
    await drain(local, false);
    await platform.destroyCapsule(capsule);
    await call(admin, "DELETE", `/${id}`);
  });

  it("keep their capsules while they do not answer, and may enrol anew when they have lost their credentials", async () => {
    const { id, agent } = await enrolled();
    expect(await call(admin, "POST", `/${id}/token`)).toMatchObject({ status: 400 });
    await drain(local, true);
    const { id: capsule } = await platform.createCapsule();
    await agent[Symbol.asyncDispose]();
    await becomes(id, "unreachable");
    expect(await platform.getCapsule(capsule)).toMatchObject({ status: "running" });
    const { body } = await call<HostWithToken>(admin, "POST", `/${id}/token`);
    await using again = await EnrolledHost.start(platform.url, body.registration_token);
    for (const [name, machine] of agent.fake.machines) again.fake.machines.set(name, machine);
    await becomes(id, "online");
    expect(await platform.act(capsule, "ping")).toMatchObject({ status: 204 });
    await drain(local, false);
    await platform.destroyCapsule(capsule);
    await call(admin, "DELETE", `/${id}`);
  });

  it("are not deleted while they hold something, unless that is forced; then they learn it", async () => {
    const { id, agent } = await enrolled();
    await using _ = agent;
    await drain(local, true);
    const [running, paused] = [await platform.createCapsule(), await platform.createCapsule()];
    await platform.act(paused.id, "pause");
    await platform.post("/v1/snapshots", { sandbox_id: running.id, name: "kept" });
    await drain(local, false);
    const sandbox_ids = [running.id, paused.id];

    const preview = await call<HostDeletePreview>(admin, "GET", `/${id}/delete-preview`);
    expect(preview.body).toMatchObject({ host: { id }, sandbox_ids, snapshots: ["kept"] });
    const refused = await call(admin, "DELETE", `/${id}`);
    expect(refused).toMatchObject({
      status: 409,
      body: { error: { code: "has_active_sandboxes", sandbox_ids }, sandbox_ids },
    });
    expect(await platform.getCapsule(running.id)).toMatchObject({ status: "running" });

    const { deleted } = await agent.keep(20);
    const { host_id, token, refresh_token } = (await agent.credentials()) ?? {};
    expect((await call(admin, "DELETE", `/${id}?force=true`)).status).toBe(204);
    for (const capsule of sandbox_ids) {
      expect(await platform.getCapsule(capsule)).toMatchObject({ status: "stopped", end_reason: "host_lost" });
    }
    expect(agent.fake.machines.size).toBe(0);
    expect((await beat(host_id ?? "", token ?? "")).status).toBe(404);
    expect((await refresh(refresh_token ?? "")).status).toBe(401);
    expect(await call(admin, "GET", `/${id}`)).toMatchObject({ status: 404 });
    await deleted;
    expect(await agent.credentials()).toBeUndefined();
  });
});
