import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import type { ApiClient } from "@wrenn/cli/api/client";
import { findVmms } from "@wrenn/host-agent/machines/sweep";
import type { Host, HostDeletePreview, HostWithToken } from "@wrenn/protocol/rest/hosts";
import { waitFor } from "@wrenn/runtime/wait";
import type { Platform } from "@wrenn/testkit/platform";
import { RemoteHost } from "@wrenn/testkit/remote-host";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ownPlatform, sh, shared } from "./shared.ts";

/** Passes everything on to the control plane, and remembers what hosts sent. */
class Wire {
  readonly server: Server;
  sent = "";

  constructor(target: URL) {
    this.server = createServer((host) => {
      const control = connect(Number(target.port), target.hostname);
      host.on("data", (chunk: Buffer) => (this.sent += chunk));
      host.pipe(control).pipe(host);
      for (const end of [host, control]) end.on("error", () => [host, control].map((one) => one.destroy()));
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as { port: number }).port}`;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("two hosts of one control plane, over mutual TLS", () => {
  let platform: Platform;
  let api: ApiClient;
  let wire: Wire;
  let wireUrl: string;
  let admin: (method: string, path: string, body?: object) => Promise<{ status: number; body: unknown }>;
  const hosts: Record<string, { id: string; agent: RemoteHost; address: string; token: string }> = {};
  const host = (name: string) => hosts[name] ?? expect.unreachable(name);
  const ask = async <T>(method: string, path: string, body?: object) => (await admin(method, path, body)).body as T;
  const becomes = async (name: string, status: Host["status"]) => {
    const seen = () => ask<Host>("GET", `/v1/hosts/${host(name).id}`);
    const is = await waitFor(async () => (await seen()).status === status, { timeoutMs: 30_000, intervalMs: 50 });
    if (is === undefined) throw new Error(`${name} is ${(await seen()).status}: ${host(name).agent.said}`);
  };
  const machinesOf = async (name: string) =>
    (await findVmms(host(name).agent.box.layout.run)).map(({ machine }) => machine);

  beforeAll(async () => {
    platform = await ownPlatform({ WRENN_LOCAL_HOST: "0", WRENN_SLOTS: "30000-30009" });
    await platform.up();
    api = await platform.api();
    const { api_url } = await platform.status();
    wire = new Wire(new URL(api_url));
    wireUrl = await wire.listen();
    const password = (await readFile(platform.layout.adminPasswordFile, "utf8")).trim();
    const send = async (method: string, path: string, body?: object, token?: string) => {
      const headers = { "content-type": "application/json", ...(token === undefined ? {} : { authorization: token }) };
      const init = body === undefined ? {} : { body: JSON.stringify(body) };
      const answer = await fetch(api_url + path, { method, headers, ...init });
      const text = await answer.text();
      return { status: answer.status, body: text === "" ? undefined : (JSON.parse(text) as unknown) };
    };
    const signedIn = await send("POST", "/v1/auth/login", { email: "admin@localhost", password });
    const { token } = signedIn.body as { token: string };
    admin = (method, path, body = method === "GET" || method === "DELETE" ? undefined : {}) =>
      send(method, path, body, `Bearer ${token}`);
    for (const [name, slots] of [
      ["one", "30010-30019"],
      ["two", "30020-30029"],
    ] as const) {
      const agent = await RemoteHost.prepare({ env: { WRENN_SLOTS: slots }, templatesFrom: shared.layout.dir });
      const entered = await ask<HostWithToken>("POST", "/v1/hosts", { type: "regular", tags: [name] });
      const address = `127.0.0.1:${await freePort()}`;
      hosts[name] = { id: entered.host.id, agent, address, token: entered.registration_token };
    }
  });
  afterAll(async () => {
    for (const { agent } of Object.values(hosts)) await agent.close();
    await platform?.close();
    wire?.server.close();
  });

  it("is what an agent says it needs, before it does anything", async () => {
    const { agent, address } = host("one");
    const refused = async (...args: string[]) => (await agent.box.wrenn("host-agent", ...args)).stderr;
    expect(await refused()).toMatch(/not enrolled: pass --register/);
    expect(await refused("--register", "token")).toMatch(/needs --control-plane.*--address/);
    expect(await refused("--register", "token", "--address", address, "--control-plane", "here")).toMatch(
      /WRENN_CP_URL is "here"/,
    );
    const wrong = ["--register", "0".repeat(64), "--address", address];
    expect(await refused(...wrong, "--control-plane", "http://127.0.0.1:1")).toMatch(/does not answer/);
    expect(await refused(...wrong, "--control-plane", wireUrl)).toMatch(/invalid or expired registration token/);
  });

  it("enrol with a key that stays where it is", async () => {
    for (const name of ["one", "two"]) {
      const { agent, address, token } = host(name);
      await agent.start("--register", token, "--address", address, "--control-plane", wireUrl);
      await becomes(name, "online");
      expect((await stat(agent.box.layout.hostCredentialsFile)).mode & 0o777).toBe(0o600);
      const { key_pem = "" } = await agent.credentials();
      const [, secret = "missing"] = key_pem.split("\n");
      expect(wire.sent).toContain("BEGIN CERTIFICATE REQUEST");
      expect(wire.sent).not.toContain(secret);
      expect(wire.sent).not.toContain("PRIVATE KEY");
    }
  });

  it("hold the capsules that their tags ask for, and each works as on one box", async () => {
    for (const name of ["one", "two"]) {
      const { id } = await api.create({ tags: [name] });
      expect(await machinesOf(name)).toEqual([id]);
      expect(await sh(api, id, "hostname")).toBe(`capsule-${id.slice(-8)}`);
      const file = `${platform.layout.dir}/sent`;
      await writeFile(file, Buffer.alloc(3_000_000, name));
      expect(await platform.wrenn("cp", file, `${id}:/root/sent`)).toMatchObject({ code: 0 });
      expect(await sh(api, id, "wc -c < /root/sent")).toBe("3000000");
      const streamed = await platform.wrenn(
        "exec",
        id,
        "--",
        "sh",
        "-c",
        "for i in 1 2 3; do echo $i; sleep 0.1; done",
      );
      expect(streamed).toMatchObject({ code: 0, stdout: "1\n2\n3\n" });
      await sh(api, id, "echo kept > /tmp/in-memory");
      await api.pause(id);
      expect(await machinesOf(name)).toEqual([]);
      await api.resume(id);
      expect(await sh(api, id, "cat /tmp/in-memory")).toBe("kept");
    }
  });

  it("take no new ones while they are drained, and go on with those that they have", async () => {
    const [kept] = await machinesOf("one");
    expect((await admin("PUT", `/v1/hosts/${host("one").id}/drain`, { draining: true })).status).toBe(200);
    await expect(api.create({ tags: ["one"] })).rejects.toMatchObject({ code: "no_hosts_available" });
    const { id } = await api.create({});
    expect(await machinesOf("two")).toContain(id);
    await api.destroy(id);
    expect(await sh(api, kept ?? "", "cat /tmp/in-memory")).toBe("kept");
    await admin("PUT", `/v1/hosts/${host("one").id}/drain`, { draining: false });
    await becomes("one", "online");
  });

  it("come back by themselves after a crash, with their capsules and with new credentials where the old are refused", async () => {
    const { agent } = host("one");
    const [id = ""] = await machinesOf("one");
    const [elsewhere = ""] = await machinesOf("two");
    const before = await agent.credentials();
    await agent.kill();
    await becomes("one", "unreachable");
    expect(await api.get(id)).toMatchObject({ status: "running" });
    await expect(api.exec(id, { cmd: "true" })).rejects.toMatchObject({ code: "host_unavailable" });
    expect(await sh(api, elsewhere, "cat /tmp/in-memory")).toBe("kept");
    await writeFile(agent.box.layout.hostCredentialsFile, JSON.stringify({ ...before, token: "is refused" }));
    await chmod(agent.box.layout.hostCredentialsFile, 0o600);

    await agent.start();
    await becomes("one", "online");
    expect(await machinesOf("one")).toEqual([id]);
    const renewed = await waitFor(async () => (await agent.credentials())["cert_pem"] !== before["cert_pem"], {
      timeoutMs: 20_000,
    });
    expect(renewed).toBe(true);
    expect((await agent.credentials())["key_pem"]).not.toBe(before["key_pem"]);
    // Each exec of many at once has a connection of its own: most are made with the new certificate.
    const outputs = await Promise.all(Array.from({ length: 6 }, () => sh(api, id, "cat /tmp/in-memory")));
    expect(new Set(outputs)).toEqual(new Set(["kept"]));
  });

  it("are deleted only when nothing is lost, or by force; then the agent ends and stays away", async () => {
    const { id: hostId, agent } = host("two");
    const [id = ""] = await machinesOf("two");
    await api.createSnapshot({ sandbox_id: id, name: "of-two" });
    const paused = await api.create({ tags: ["two"] });
    await api.pause(paused.id);
    const preview = await ask<HostDeletePreview>("GET", `/v1/hosts/${hostId}/delete-preview`);
    expect(preview).toMatchObject({ host: { id: hostId }, snapshots: ["of-two"] });
    expect(new Set(preview.sandbox_ids)).toEqual(new Set([id, paused.id]));
    const refused = await admin("DELETE", `/v1/hosts/${hostId}`);
    expect(refused).toMatchObject({ status: 409, body: { error: { code: "has_active_sandboxes" } } });
    expect(await sh(api, id, "cat /tmp/in-memory")).toBe("kept");

    expect((await admin("DELETE", `/v1/hosts/${hostId}?force=true`)).status).toBe(204);
    expect(await api.get(id)).toMatchObject({ status: "stopped", end_reason: "host_lost" });
    expect(await machinesOf("two")).toEqual([]);
    await agent.stop();
    await agent.start();
    expect(await agent.ended(), agent.said).toBe(0);
    await expect(agent.credentials()).rejects.toMatchObject({ code: "ENOENT" });
    expect((await agent.box.wrenn("host-agent")).stderr).toMatch(/not enrolled/);
  });
});
