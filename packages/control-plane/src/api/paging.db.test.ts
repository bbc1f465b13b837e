import { randomUUID } from "node:crypto";
import { idFromUuid } from "@wrenn/protocol/ids";
import type { Capsule } from "@wrenn/protocol/rest/capsules";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apiKeys, hosts, invitations, memberships, sessions, snapshots, teams, users } from "../db/schema.ts";
import { insertSession } from "../identity/sessions.ts";
import { as } from "../testing/as.ts";
import { TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";

const COUNT = 7;
/** Several of each, and the database counts in milliseconds. */
const timeOf = (n: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, 0, n % 3));
const numbers = Array.from({ length: COUNT }, (_, n) => n);
const later = new Date(Date.UTC(2100, 0));

describe.each(ENGINES)("lists in pages on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let owner: TestUser;
  let root: TestUser;
  let capsule: string;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    owner = await platform.signIn();
    root = await platform.signIn({ isAdmin: true });
    capsule = (await as<Capsule>(platform, owner, "POST", "/v1/capsules", {})).body.id;
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  const insert = <Table extends Parameters<TestPlatform["db"]["queries"]["insert"]>[0]>(
    table: Table,
    rowOf: (n: number) => Table["$inferInsert"],
  ) => platform.db.queries.insert(table).values(numbers.map(rowOf));
  const newTeams = async () => {
    const ids = numbers.map(() => randomUUID());
    await insert(teams, (n) => ({ id: ids[n] ?? "", name: `T${n}`, slug: (ids[n] ?? "").slice(0, 13) }));
    return ids;
  };
  /** As many more of the one that the API makes. */
  async function copies(kind: "snapshot" | "checkpoint", path: string, body: object): Promise<void> {
    await as(platform, owner, "POST", path, body);
    const [made] = await platform.db.queries.select().from(snapshots).where(eq(snapshots.kind, kind));
    if (made === undefined) throw new Error(`no ${kind} was made`);
    await insert(snapshots, (n) => ({ ...made, id: randomUUID(), name: `copy-${n}`, createdAt: timeOf(n) }));
  }

  const team = () => `/v1/teams/${idFromUuid("team", owner.teamId)}`;
  const LISTS: Record<string, { path: () => string; who?: () => TestUser; fill: () => Promise<unknown> }> = {
    members: {
      path: () => `${team()}/members`,
      fill: async () => {
        const ids = numbers.map(() => randomUUID());
        await insert(users, (n) => ({
          id: ids[n] ?? "",
          email: `${ids[n]}@x.org`,
          name: "M",
          status: "active" as const,
        }));
        await insert(memberships, (n) => ({
          teamId: owner.teamId,
          userId: ids[n] ?? "",
          role: "member" as const,
          joinedAt: timeOf(n),
        }));
      },
    },
    "invitations of a team": {
      path: () => `${team()}/invitations`,
      fill: () =>
        insert(invitations, (n) => ({
          id: randomUUID(),
          teamId: owner.teamId,
          email: `${n}@x.org`,
          role: "member" as const,
          createdAt: timeOf(n),
          expiresAt: later,
        })),
    },
    "invitations of a user": {
      path: () => "/v1/me/invitations",
      fill: async () => {
        const ids = await newTeams();
        await insert(invitations, (n) => ({
          id: randomUUID(),
          teamId: ids[n] ?? "",
          email: owner.email,
          role: "member" as const,
          createdAt: timeOf(n),
          expiresAt: later,
        }));
      },
    },
    teams: {
      path: () => "/v1/teams",
      fill: async () => {
        const ids = await newTeams();
        await insert(memberships, (n) => ({
          teamId: ids[n] ?? "",
          userId: owner.id,
          role: "member" as const,
          joinedAt: timeOf(n),
        }));
      },
    },
    "API keys": {
      path: () => "/v1/api-keys",
      fill: () =>
        insert(apiKeys, (n) => ({
          id: randomUUID(),
          teamId: owner.teamId,
          name: "k",
          keyHash: randomUUID(),
          keyPrefix: "wrn_000000",
          createdAt: timeOf(n),
        })),
    },
    sessions: {
      path: () => "/v1/me/sessions",
      fill: async () => {
        const origin = { sourceAddress: undefined, userAgent: undefined };
        for (const n of numbers) {
          const id = await insertSession(platform.db.queries, owner.id, origin);
          await platform.db.queries
            .update(sessions)
            .set({ createdAt: timeOf(n) })
            .where(eq(sessions.id, id));
        }
      },
    },
    hosts: {
      path: () => "/v1/hosts",
      fill: () =>
        insert(hosts, (n) => ({ id: randomUUID(), type: "byoc" as const, teamId: owner.teamId, createdAt: timeOf(n) })),
    },
    checkpoints: {
      path: () => `/v1/capsules/${capsule}/checkpoints`,
      fill: () => copies("checkpoint", `/v1/capsules/${capsule}/checkpoints`, { name: "first" }),
    },
    snapshots: {
      path: () => "/v1/snapshots",
      fill: async () => {
        await copies("snapshot", "/v1/snapshots", { sandbox_id: capsule, name: "first" });
        // Base templates have the time of their host.
        const { hostId } = await platform.rowOf(capsule);
        await platform.db.queries
          .update(hosts)
          .set({ createdAt: timeOf(1) })
          .where(eq(hosts.id, hostId));
      },
    },
    "templates of all teams": { path: () => "/v1/admin/templates", who: () => root, fill: async () => {} },
  };

  it.each(Object.keys(LISTS))(
    "%s: each is there once, also of one moment, in the order of the whole list",
    async (name) => {
      const { path, who = () => owner, fill } = LISTS[name] ?? { path: () => "", fill: async () => {} };
      await fill();
      const get = (query: string) => as<Record<string, unknown>[]>(platform, who(), "GET", `${path()}${query}`);
      const whole = await get("");
      expect(whole.status).toBe(200);
      expect(whole.body.length).toBeGreaterThanOrEqual(COUNT);
      expect(whole.headers.get("x-next-cursor")).toBeNull();

      const seen: unknown[] = [];
      for (let query = "?limit=2"; ; ) {
        const page = await get(query);
        expect(page.status).toBe(200);
        expect(page.body.length).toBeLessThanOrEqual(2);
        seen.push(...page.body);
        const next = page.headers.get("x-next-cursor");
        if (next === null) break;
        query = `?limit=2&cursor=${next}`;
      }
      expect(seen).toEqual(whole.body);
      expect((await get("?cursor=x")).body.error).toMatchObject({ code: "invalid_request" });
      expect((await get("?limit=1001")).status).toBe(400);
    },
  );
});
