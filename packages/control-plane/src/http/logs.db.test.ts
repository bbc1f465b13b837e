import { randomBytes, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { request } from "node:http";
import type { Channel } from "@wrenn/protocol/rest/channels";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startControlPlane } from "../control-plane.ts";
import { fromDatabaseError } from "../db/errors.ts";
import { as } from "../testing/as.ts";
import { LogRecorder } from "../testing/log-recorder.ts";
import { Mailbox } from "../testing/mailbox.ts";
import { newEmail } from "../testing/people.ts";
import { type ConfigChanges, TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { Receiver } from "../testing/receiver.ts";
import { setPassword } from "../testing/rows.ts";
import { StreamClient } from "../testing/stream-client.ts";
import { until } from "../testing/until.ts";

const secret = () => randomBytes(16).toString("hex");

describe.each(ENGINES)("what goes wrong on PostgreSQL $name", (engine) => {
  const log = new LogRecorder();
  const given = {
    session: secret() + secret(),
    encryption: secret() + secret(),
    metricsToken: secret(),
    smtp: secret(),
    github: secret(),
  };
  let platform: TestPlatform;
  let mailbox: Mailbox;
  let receiver: Receiver;
  let owner: TestUser;

  const changes = (): ConfigChanges => ({
    metricsToken: given.metricsToken,
    webhookAllow: ["127.0.0.0/8"],
    accounts: {
      publicUrl: "http://wrenn.invalid",
      smtp: { ...mailbox.smtp, auth: { user: "mailer", pass: given.smtp } },
      // Nobody listens there.
      github: { clientId: "id", clientSecret: given.github, url: "http://127.0.0.1:9", apiUrl: "http://127.0.0.1:9" },
    },
  });

  beforeAll(async () => {
    mailbox = await Mailbox.open({ onAuth: (_auth, _session, done) => done(new Error("no such user")) });
    receiver = await Receiver.listen(500);
    platform = await TestPlatform.start(engine, changes(), log.logger);
    owner = await platform.signIn();
    await setPassword(platform, owner);
    log.know(...Object.values(given), platform.key, owner.headers.authorization);
    log.know(new URL(platform.databaseUrl).password, await readFile(platform.server.layout.secretsFile, "utf8"));
  }, 60_000);
  afterAll(async () => {
    await platform[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
    await mailbox[Symbol.asyncDispose]();
  });

  const fresh = () => {
    const made = secret();
    log.know(made);
    return made;
  };
  const by = <Body = unknown>(method: string, path: string, body?: unknown) =>
    as<Body>(platform, owner, method, path, body);
  const logged = (event: string) => until(() => log.lines.some((line) => line.includes(`"event":"${event}"`)));

  it("says no secret of requests that are refused", async () => {
    const bodies = [`{"password":"${fresh()}"`, JSON.stringify({ email: "x", password: fresh() }), `"${fresh()}"`];
    for (const path of [
      "/v1/auth/login",
      "/v1/auth/signup",
      `/v1/nothing/${fresh()}?token=${fresh()}`,
      "/v1/channels",
    ]) {
      for (const body of bodies) {
        const headers = { "x-api-key": `wrn_${fresh()}`, cookie: `oauth_state=${fresh()}`, "x-host-token": fresh() };
        expect((await platform.request("POST", path, { body, headers })).status).toBeGreaterThanOrEqual(400);
      }
    }
    for (const authorization of [`Bearer ${fresh()}`, `Basic ${fresh()}`, fresh()]) {
      const { status } = await platform.request("GET", `/v1/me?access_token=${fresh()}`, {
        headers: { authorization },
      });
      expect(status).toBe(401);
    }
    // What Node itself refuses.
    const raw = request(`${platform.url}/v1/auth/login`, { method: "POST", headers: { "content-length": "5" } });
    raw.on("error", () => {});
    raw.end(fresh());
    await by("POST", "/v1/auth/login", { email: owner.email, password: fresh() });
    await by("POST", "/v1/auth/activate", { token: fresh() });
    const back = `${platform.url}/auth/oauth/github/callback?code=${fresh()}&state=${fresh()}`;
    expect((await fetch(back, { redirect: "manual" })).status).toBe(302);
  });

  it("says no secret of those who open streams, wherever they put it", async () => {
    const { body } = await by<{ id: string }>("POST", "/v1/capsules", {});
    const url = `${platform.url}/v1/capsules/${body.id}/files/watch?path=.`;
    const inQuery = new StreamClient(`${url}&api_key=${fresh()}&token=${platform.key}`, `wrn_${fresh()}`);
    await inQuery.send({ type: "auth", token: fresh() });
    expect(await inQuery.end()).toBe(1000);
    const inProtocol = new WebSocket(url.replace(/^http/, "ws"), [`bearer.${fresh()}`]);
    inProtocol.addEventListener("open", () => inProtocol.send(JSON.stringify({ type: "auth", api_key: fresh() })));
    await until(() => inProtocol.readyState === WebSocket.CLOSED);
    await logged("stream");
  });

  it("says no secret of channels whose receivers fail", async () => {
    const url = receiver.url;
    const configs = [
      { provider: "webhook", config: { url: `${url}/${fresh()}`, secret: fresh() } },
      { provider: "slack", config: { webhook_url: `${url}/${fresh()}` } },
      { provider: "discord", config: { webhook_url: `http://127.0.0.1:9/${fresh()}?token=${fresh()}` } },
      { provider: "matrix", config: { homeserver_url: url, access_token: fresh(), room_id: "!r:x" } },
      { provider: "webhook", config: { url: `http://user:${fresh()}@${fresh()}.invalid/` } },
    ];
    for (const config of configs) {
      const tested = await by("POST", "/v1/channels/test", config);
      expect(tested.status).toBeGreaterThanOrEqual(400);
      const channel = { ...config, name: randomUUID(), events: ["capsule.created"] };
      log.know((await by<Channel & { secret?: string }>("POST", "/v1/channels", channel)).body.secret);
    }
    await by("POST", "/v1/capsules", {});
    await until(() => receiver.requests.length > 3);
  });

  it("says no secret of a mail server and a provider that refuse", async () => {
    await platform.post("/v1/auth/signup", { email: newEmail(), password: fresh(), name: "Ann" });
    await logged("job_failed");
    const start = await fetch(`${platform.url}/auth/oauth/github?intent=login`, { redirect: "manual" });
    const state = new URL(start.headers.get("location") ?? "").searchParams.get("state") ?? "";
    const cookie = start.headers.getSetCookie().map((text) => text.split(";")[0] ?? "");
    log.know(state, ...cookie.map((text) => text.slice(text.indexOf("=") + 1)));
    const path = `${platform.url}/auth/oauth/github/callback?code=${fresh()}&state=${state}`;
    await fetch(path, { headers: { cookie: cookie.join("; ") }, redirect: "manual" });
    await logged("oauth_exchange_failed");
  });

  it("says no value that a query was sent with, when the query or the database fails", async () => {
    const { queries } = platform.db;
    await queries.execute(sql`
      create function refuse() returns trigger as $$ begin raise exception 'refused'; end $$ language plpgsql`);
    const tables = ["sessions", "api_keys", "channels", "mail_tokens", "audit_logs"];
    for (const table of tables) {
      await queries.execute(sql.raw(`create trigger refuse before insert on ${table} execute function refuse()`));
    }
    const password = fresh();
    expect((await by("POST", "/v1/me/password", { current_password: "x", new_password: password })).status).toBe(401);
    expect((await platform.post("/v1/auth/signup", { email: `${fresh()}@x.org`, password, name: "A" })).status).toBe(
      500,
    );
    expect((await by("POST", "/v1/api-keys", { name: fresh() })).status).toBe(500);
    const channel = { name: "c", provider: "slack", config: { webhook_url: "https://x.org" }, events: ["host.up"] };
    expect((await by("POST", "/v1/channels", { ...channel, name: fresh() })).status).toBe(500);
    await logged("audit_waits");
    for (const table of tables) await queries.execute(sql.raw(`drop trigger refuse on ${table}`));

    // It goes away under the query of a request.
    await queries.execute(sql`
      create or replace function refuse() returns trigger as $$ begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$ language plpgsql`);
    for (const table of ["api_keys", "channels"]) {
      await queries.execute(sql.raw(`create trigger refuse before insert on ${table} execute function refuse()`));
    }
    expect((await by("POST", "/v1/api-keys", { name: fresh() })).status).toBe(503);
    expect((await by("POST", "/v1/channels", { ...channel, name: fresh() })).status).toBe(503);
    for (const table of ["api_keys", "channels"]) await queries.execute(sql.raw(`drop trigger refuse on ${table}`));
    expect(log.lines.filter((line) => line.includes("argon2id"))).toEqual([]);
  });

  it("says no secret of its configuration when it cannot start", async () => {
    const url = `postgres://wrenn:${fresh()}@127.0.0.1:9/wrenn`;
    const config = platform.configOf({ ...changes(), database: { kind: "external", url } });
    const failure = await startControlPlane(config, log.logger).catch((error: unknown) => error);
    expect(fromDatabaseError(failure)).toMatchObject({ code: "database_unavailable" });
    for (const err of [failure, fromDatabaseError(failure)]) log.logger.fatal({ err });
  });

  it("is told without any of them", async () => {
    expect(log.lines.length).toBeGreaterThan(50);
    expect(log.leaks()).toEqual([]);
    const server = await readFile(`${platform.server.layout.logs}/postgres.log`, "utf8");
    for (const line of server.split("\n")) log.lines.push(line);
    expect(server).toContain("refused");
    expect(log.leaks()).toEqual([]);
  });
});
