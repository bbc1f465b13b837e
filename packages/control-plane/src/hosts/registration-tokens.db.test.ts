import { newCertificateRequest } from "@wrenn/host-agent/enrolment/request";
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import type { HostCredentials, HostWithToken } from "@wrenn/protocol/rest/hosts";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hosts } from "../db/schema.ts";
import { type Failure, TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { issueHostToken } from "./credentials.ts";

describe.each(ENGINES)("registration tokens of a host on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let admin: TestUser;
  let addresses = 0;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    admin = await platform.signIn({ isAdmin: true });
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  const enter = async () => {
    const { headers } = admin;
    const { body } = await platform.post<HostWithToken>("/v1/hosts", { type: "regular" }, { headers });
    const uuid = idToUuid(parseId("host", body.host.id));
    const address = `192.0.2.${++addresses}:50051`;
    return {
      uuid,
      first: body.registration_token,
      another: async () => {
        const path = `/v1/hosts/${body.host.id}/token`;
        const answer = await platform.post<HostWithToken & Failure>(path, {}, { headers });
        return { status: answer.status, token: answer.body.registration_token };
      },
      /** With a new key. */
      register: (token: string) => {
        const request = { token, address, csr: newCertificateRequest().csrPem };
        return platform.post<HostCredentials & Failure>("/v1/hosts/register", request);
      },
      fingerprint: async () => {
        const [row] = await platform.db.queries.select().from(hosts).where(eq(hosts.id, uuid));
        return row?.certFingerprint;
      },
    };
  };

  it("end when there is a new one, so that nobody takes the place of a host that has enrolled", async () => {
    const host = await enter();
    const { token } = await host.another();
    expect(await host.register(host.first)).toMatchObject({ status: 401 });
    expect((await host.register(token)).status).toBe(201);
    const enrolled = await host.fingerprint();
    for (const used of [host.first, token]) expect(await host.register(used)).toMatchObject({ status: 401 });
    expect(await host.fingerprint()).toBe(enrolled);
  });

  it("are all used up by the registration with one, also those of before", async () => {
    const host = await enter();
    const other = await issueHostToken(platform.db.queries, host.uuid, "registration");
    expect((await host.register(other)).status).toBe(201);
    expect(await host.register(host.first)).toMatchObject({ status: 401 });
  });

  it("let a host enrol anew with one that was asked for since", async () => {
    const host = await enter();
    expect((await host.register(host.first)).status).toBe(201);
    const before = await host.fingerprint();
    expect((await host.register((await host.another()).token)).status).toBe(201);
    expect(await host.fingerprint()).not.toBe(before);
  });

  it("are one, however many are asked for and used at the same time", async () => {
    const host = await enter();
    const asked = await Promise.all([host.another(), host.another(), host.register(host.first), host.another()]);
    const tokens = asked.flatMap((answer) => ("token" in answer ? [answer.token] : []));
    expect(asked.map(({ status }) => status).filter((status) => ![201, 401].includes(status))).toEqual([]);
    const answers = await Promise.all([...tokens, ...tokens].map((token) => host.register(token)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 401, 401, 401, 401, 401]);
  });
});
