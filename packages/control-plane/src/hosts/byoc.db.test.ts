import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { newCertificateRequest } from "@wrenn/host-agent/enrolment/request";
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import type { HostCredentials, HostWithToken } from "@wrenn/protocol/rest/hosts";
import type { Template } from "@wrenn/protocol/rest/snapshots";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hosts, teams } from "../db/schema.ts";
import { as } from "../testing/as.ts";
import { type Failure, TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { Certificates } from "./certificates.ts";
import { HostClients } from "./clients.ts";

describe.each(ENGINES)("hosts that teams bring, on PostgreSQL $name,", (engine) => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    await platform.waitForHost("online");
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  const byocOwner = async () => {
    const owner = await platform.signIn();
    await platform.db.queries.update(teams).set({ isByoc: true }).where(eq(teams.id, owner.teamId));
    return owner;
  };
  const enter = async (who: TestUser) => {
    const { body } = await as<HostWithToken>(platform, who, "POST", "/v1/hosts", { type: "byoc" });
    return { id: idToUuid(parseId("host", body.host.id)), token: body.registration_token };
  };
  const register = (token: string, address: string) => {
    const body = { token, address, csr: newCertificateRequest().csrPem };
    return platform.post<HostCredentials & Failure>("/v1/hosts/register", body);
  };

  it("are at no address of the control plane itself, and keep nobody from another one", async () => {
    const [one, other] = [await byocOwner(), await byocOwner()];
    const { token } = await enter(one);
    for (const address of ["127.0.0.1:5432", "[::1]:5432", "169.254.169.254:80", "[::ffff:127.0.0.1]:1"]) {
      expect(await register(token, address), address).toMatchObject({
        status: 400,
        body: { error: { code: "invalid_request" } },
      });
    }
    const address = "10.0.0.9:50051";
    expect(await register(token, address)).toMatchObject({ status: 201, body: { host: { address } } });
    expect(await register((await enter(one)).token, address)).toMatchObject({
      status: 409,
      body: { error: { code: "conflict" } },
    });
    expect((await register((await enter(other)).token, address)).status).toBe(201);
  });

  it("are not connected to at a name of the control plane itself", async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { id, token } = await enter(await byocOwner());
    expect((await register(token, `localhost:${port}`)).status).toBe(201);
    const [row] = await platform.db.queries.select().from(hosts).where(eq(hosts.id, id));
    if (row?.address == null) throw new Error("the host is not there");
    using clients = new HostClients(new Certificates(undefined, platform.server.layout.authorityFile));
    const target = { ...row, address: row.address };
    await expect(clients.get(target).unary.getHost({})).rejects.toThrow("may not be at this address");
    expect(connections).toBe(0);
    const ofPlatform = { ...target, id: randomUUID(), type: "regular" } as const;
    await expect(clients.get(ofPlatform).unary.getHost({})).rejects.toThrow("cannot be reached securely");
    expect(connections).toBe(1);
    server.close();
  });

  it("have templates that only their team sees, and that take no names from others", async () => {
    const [owner, other] = [await byocOwner(), await platform.signIn()];
    const { id } = await enter(owner);
    const known = { address: "https://10.0.0.8:1", templates: ["secret-project"] };
    await platform.db.queries.update(hosts).set(known).where(eq(hosts.id, id));
    const templates = async (who: TestUser) =>
      (await as<Template[]>(platform, who, "GET", "/v1/snapshots")).body.map(({ name }) => name);
    expect(await templates(owner)).toContain("secret-project");
    expect(await templates(other)).not.toContain("secret-project");
    const { body: capsule } = await as<{ id: string }>(platform, other, "POST", "/v1/capsules", {});
    const snapshot = { sandbox_id: capsule.id, name: "secret-project" };
    expect((await as(platform, other, "POST", "/v1/snapshots", snapshot)).status).toBe(201);
    expect(await templates(other)).toContain("secret-project");
  });
});
