/** Hosts that the team of a test brings, and one of the platform. */
import { randomUUID } from "node:crypto";
import { newCertificateRequest } from "@wrenn/host-agent/enrolment/request";
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import type { HostCredentials, HostWithToken } from "@wrenn/protocol/rest/hosts";
import { eq } from "drizzle-orm";
import { hosts } from "../db/schema.ts";
import type { World } from "./world.ts";

/** Wire id of the team, which may bring hosts from now on. */
export async function byocTeam(world: World): Promise<string> {
  await world.as(world.root, "PUT", `/v1/admin/teams/${world.teamId}/byoc`, { enabled: true });
  return world.teamId;
}

/** What a new host registers itself with. Nobody listens there. */
function registration(token: string): object {
  return { token, address: `${randomUUID()}.invalid:50051`, csr: newCertificateRequest().csrPem };
}

async function register(world: World, body: object): Promise<HostCredentials> {
  const { status, body: credentials } = await world.platform.post<HostCredentials>("/v1/hosts/register", body);
  if (status !== 201) throw new Error(`register: ${status}`);
  return credentials;
}

/** A new host of the platform that has registered itself. */
export async function enrolRegularHost(world: World): Promise<HostCredentials> {
  const entered = await world.as<HostWithToken>(world.root, "POST", "/v1/hosts", { type: "regular" });
  return register(world, registration(entered.registration_token));
}

/** A new host of the team, and what it registers itself with. */
export async function addHost(world: World): Promise<{ id: string; body: object }> {
  const request = { type: "byoc", team_id: await byocTeam(world) };
  const { host, registration_token: token } = await world.as<HostWithToken>(world.owner, "POST", "/v1/hosts", request);
  return { id: host.id, body: registration(token) };
}

/** A new host of the team that has registered itself. */
export async function enrolHost(world: World): Promise<HostCredentials> {
  return register(world, (await addHost(world)).body);
}

/** One that has been there once. */
export async function knownHost(world: World): Promise<{ id: string }> {
  const { host } = await enrolHost(world);
  const id = idToUuid(parseId("host", host.id));
  await world.platform.db.queries.update(hosts).set({ status: "unreachable" }).where(eq(hosts.id, id));
  return host;
}
