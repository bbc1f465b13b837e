import { randomUUID } from "node:crypto";
import { idFromUuid } from "@wrenn/protocol/ids";
import { LIMITS } from "@wrenn/protocol/limits";
import type { Session } from "@wrenn/protocol/rest/accounts";
import { eq } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apiKeys, channels, hosts, invitations, memberships, teams } from "../db/schema.ts";
import { insertSession } from "../identity/sessions.ts";
import { as } from "../testing/as.ts";
import { TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";

const TRIES = 6;

describe.each(ENGINES)("what one can have so many of on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let owner: TestUser;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    owner = await platform.signIn();
    await platform.db.queries.update(teams).set({ isByoc: true }).where(eq(teams.id, owner.teamId));
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  const insert = (table: PgTable, rows: object[]) => platform.db.queries.insert(table).values(rows);
  const ids = (count: number) => Array.from({ length: count }, () => randomUUID());
  const ofTeam = (count: number) => ids(count).map((id) => ({ id, teamId: owner.teamId }));
  const later = new Date(Date.UTC(2100, 0));

  const KINDS: Record<string, { max: number; path: () => string; body: () => object; fill: (n: number) => unknown }> = {
    "API keys of a team": {
      max: LIMITS.teamApiKeys,
      path: () => "/v1/api-keys",
      body: () => ({}),
      fill: (n) =>
        insert(
          apiKeys,
          ofTeam(n).map((row) => ({ ...row, name: "k", keyHash: row.id, keyPrefix: "wrn_" })),
        ),
    },
    "channels of a team": {
      max: LIMITS.teamChannels,
      path: () => "/v1/channels",
      body: () => ({
        name: randomUUID(),
        provider: "slack",
        config: { webhook_url: "https://example.com/" },
        events: ["host.up"],
      }),
      fill: (n) =>
        insert(
          channels,
          ofTeam(n).map((row) => ({ ...row, name: row.id, provider: "slack", config: "", events: [] })),
        ),
    },
    "invitations of a team": {
      max: LIMITS.teamInvitations,
      path: () => `/v1/teams/${idFromUuid("team", owner.teamId)}/members`,
      body: () => ({ email: `${randomUUID()}@example.com` }),
      fill: async (n) => {
        const rows = ofTeam(n).map((row) => ({ ...row, email: `${row.id}@x.org`, role: "member", expiresAt: later }));
        const over = ofTeam(5).map((row) => ({
          ...row,
          email: `${row.id}@x.org`,
          role: "member",
          expiresAt: new Date(),
        }));
        await insert(invitations, [...rows, ...over]);
      },
    },
    "teams of an owner": {
      max: LIMITS.userTeams,
      path: () => "/v1/teams",
      body: () => ({ name: "T" }),
      fill: async (n) => {
        // One is there already, and what was deleted does not count.
        const made = ids(n - 1);
        const gone = ids(3);
        await insert(
          teams,
          made.map((id) => ({ id, name: "T", slug: id })),
        );
        await insert(
          teams,
          gone.map((id) => ({ id, name: "T", slug: id, deletedAt: new Date() })),
        );
        await insert(
          memberships,
          [...made, ...gone].map((teamId) => ({ teamId, userId: owner.id, role: "owner" })),
        );
      },
    },
    "hosts of a team": {
      max: LIMITS.teamHosts,
      path: () => "/v1/hosts",
      body: () => ({ type: "byoc" }),
      fill: (n) =>
        insert(
          hosts,
          ofTeam(n).map((row) => ({ ...row, type: "byoc" })),
        ),
    },
  };

  it.each(Object.keys(KINDS))("%s: of several who add the last one at the same time, one does", async (name) => {
    const { max, path, body, fill } = KINDS[name] ?? { max: 0, path: () => "", body: () => ({}), fill: () => {} };
    await fill(max - 1);
    const answers = await Promise.all(Array.from({ length: TRIES }, () => as(platform, owner, "POST", path(), body())));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, ...Array(TRIES - 1).fill(403)]);
    const refusals = answers.filter(({ status }) => status === 403);
    for (const { body: refusal } of refusals) {
      expect(refusal.error).toMatchObject({ code: "quota_exceeded", message: expect.stringContaining(String(max)) });
    }
  });

  it("sessions of a user: one more ends the oldest", async () => {
    const user = await platform.signIn();
    const origin = { sourceAddress: undefined, userAgent: undefined };
    for (let n = 1; n < LIMITS.userSessions; n++) await insertSession(platform.db.queries, user.id, origin);
    expect((await as<Session[]>(platform, user, "GET", "/v1/me/sessions")).body).toHaveLength(LIMITS.userSessions);
    await insertSession(platform.db.queries, user.id, origin);
    expect((await as(platform, user, "GET", "/v1/me/sessions")).body.error.code).toBe("unauthorized");
  });
});
