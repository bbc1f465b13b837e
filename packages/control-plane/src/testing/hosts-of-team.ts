/** Hosts that the team of a test brings. */
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

/** A new host of the team, and what it registers itself with. */
export async function addHost(world: World): Promise<{ id: string; body: object }> {
  const request = { type: "byoc", team_id: await byocTeam(world) };
  const { host, registration_token: token } = await world.as<HostWithToken>(world.owner, "POST", "/v1/hosts", request);
  // Nobody listens there.
  const address = `${randomUUID()}.invalid:50051`;
  return { id: host.id, body: { token, address, csr: newCertificateRequest().csrPem } };
}

/** A new host of the team that has registered itself. */
export async function enrolHost(world: World): Promise<HostCredentials> {
  const { body } = await addHost(world);
  const { status, body: credentials } = await world.platform.post<HostCredentials>("/v1/hosts/register", body);
  if (status !== 201) throw new Error(`register: ${status}`);
  return credentials;
}

/** One that has been there once. */
export async function knownHost(world: World): Promise<{ id: string }> {
  const { host } = await enrolHost(world);
  const id = idToUuid(parseId("host", host.id));
  await world.platform.db.queries.update(hosts).set({ status: "unreachable" }).where(eq(hosts.id, id));
  return host;
}
