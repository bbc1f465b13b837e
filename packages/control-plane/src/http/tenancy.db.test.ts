import type { Role } from "@wrenn/protocol/access";
import { idFromUuid } from "@wrenn/protocol/ids";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { enrolRegularHost } from "../testing/hosts-of-team.ts";
import { TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { ROUTE_CASES, type Target } from "../testing/route-cases.ts";
import { type DeclaredRoute, routeTable } from "../testing/route-table.ts";
import { sendCase } from "../testing/send-case.ts";
import { StreamClient } from "../testing/stream-client.ts";
import { EVERYTHING, type Headers, World } from "../testing/world.ts";

/** `foreign`: let through to the route, where nothing of the team is to be had. */
type Verdict = "ok" | "foreign" | 401 | 403;

const CALLERS = {
  anonymous: () => ({}),
  "something that says to be a host": () => ({ "x-host-token": "f".repeat(64) }),
  host: (_world, host) => host,
  "a third team's owner with a host's token": (world, host) => ({ ...host, ...world.visitor.headers }),
  "another team's key": (world) => world.strangersKey,
  "key without the scope": (world) => world.bareKey,
  "another team's owner": (world) => world.stranger.headers,
  "platform admin": (world) => world.root.headers,
  key: (world) => world.key,
  member: (world) => world.member.headers,
  admin: (world) => world.admin.headers,
  owner: (world) => world.owner.headers,
} as const satisfies Record<string, (world: World, host: Headers) => Headers>;
type Caller = keyof typeof CALLERS;

const WHOM: Record<"team" | "user" | "admin", Record<Caller, Verdict>> = {
  team: {
    anonymous: 401,
    "something that says to be a host": 401,
    host: 401,
    "a third team's owner with a host's token": "foreign",
    "another team's key": "foreign",
    "key without the scope": 403,
    "another team's owner": "foreign",
    "platform admin": "foreign",
    key: "ok",
    member: "ok",
    admin: "ok",
    owner: "ok",
  },
  user: {
    anonymous: 401,
    "something that says to be a host": 401,
    host: 401,
    "a third team's owner with a host's token": "foreign",
    "another team's key": 403,
    "key without the scope": 403,
    "another team's owner": "foreign",
    "platform admin": "foreign",
    key: 403,
    member: "ok",
    admin: "ok",
    owner: "ok",
  },
  admin: {
    anonymous: 401,
    "something that says to be a host": 401,
    host: 401,
    "a third team's owner with a host's token": 403,
    "another team's key": 403,
    "key without the scope": 403,
    "another team's owner": 403,
    "platform admin": "ok",
    key: 403,
    member: 403,
    admin: 403,
    owner: 403,
  },
};

const REFUSED_BY_ROLE: Record<Role, readonly Caller[]> = { member: [], admin: ["member"], owner: ["member", "admin"] };

function verdictOf({ access }: DeclaredRoute, caller: Caller): Verdict {
  switch (access.who) {
    case "anyone":
      return "ok";
    case "host":
      // It is none of the host that the route is about.
      return caller === "host" ? 403 : 401;
    case "member":
      return REFUSED_BY_ROLE[access.role].includes(caller) ? 403 : WHOM.user[caller];
    default:
      return WHOM[access.who][caller];
  }
}

const ALL = routeTable();
const ROUTES = ALL.filter(({ stream }) => !stream);
const STREAMS = ALL.filter(({ stream }) => stream);

describe.each(ENGINES)("who may do what on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let host: Headers;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine, EVERYTHING);
    await using world = await World.make(platform);
    host = { "x-host-token": (await enrolRegularHost(world)).token };
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  /** What must not be in an answer to anybody else. @param lists there are things of every kind that an answer could list */
  async function secretsOf(world: World, lists: boolean): Promise<string[]> {
    const people = [world.owner, world.admin, world.member].flatMap(({ id, email }) => [idFromUuid("user", id), email]);
    const known = [world.teamId, ...people];
    if (!lists) return known;
    const made = [await world.capsule(), await world.snapshot(), await world.apiKey(), await world.invitation()];
    return [...known, ...made, await world.channel()];
  }

  it("is known of every route", () => {
    expect(ROUTES.length).toBeGreaterThan(50);
    expect(ROUTES.map(({ name }) => name).filter((name) => ROUTE_CASES[name] === undefined)).toEqual([]);
    expect(Object.keys(ROUTE_CASES).filter((name) => !ROUTES.some((route) => route.name === name))).toEqual([]);
  });

  it.each(ROUTES)("$name", async (route) => {
    await using world = await World.make(platform);
    const { target: make, foreign = 404, except = {} } = ROUTE_CASES[route.name] ?? { target: async () => ({}) };
    const target: Target = await make(world);
    const said = JSON.stringify([target.path, target.query, target.body]);
    const secrets = await secretsOf(world, foreign < 300);
    let done = false;
    /** The one status that there is; undefined for who may. */
    const fixed = (caller: Caller): number | undefined => {
      const verdict = verdictOf(route, caller);
      if (verdict === "ok" || except[caller] !== undefined) return except[caller];
      return verdict === "foreign" ? foreign : verdict;
    };
    const may = (caller: Caller) => (except[caller] ?? fixed(caller) ?? 200) < 300 && fixed(caller) === except[caller];
    // Those who may come last: what is there is there until then.
    const callers = Object.keys(CALLERS) as Caller[];
    for (const caller of [...callers.filter((one) => !may(one)), ...callers.filter(may)]) {
      const headersOf: (world: World, host: Headers) => Headers = CALLERS[caller];
      const answer = await sendCase(platform, route, target, headersOf(world, host));
      const { status } = answer;
      const text = JSON.stringify(answer.body);
      const what = `${caller}: ${status} ${text}`;
      if (status >= 300) expect(route.statuses, what).toContain(status);
      if (!may(caller)) expect(status, what).toBe(fixed(caller));
      else if (done) {
        // What can be done once is not there for the next, who is let through all the same.
        const refusals = route.access.who === "anyone" ? [403] : [401, 403];
        expect([...refusals, 500, 502, 503], what).not.toContain(status);
      } else if (fixed(caller) === undefined) expect(status, what).toBeLessThan(300);
      else expect(status, what).toBe(fixed(caller));
      if (verdictOf(route, caller) !== "ok" && except[caller] === undefined) {
        for (const secret of secrets.filter((one) => !said.includes(one))) expect(text, what).not.toContain(secret);
      }
      done ||= may(caller) && status < 300;
    }
    if (target.host !== undefined) {
      const { status, body } = await sendCase(platform, route, target, target.host);
      expect(status, JSON.stringify(body)).toBeLessThan(300);
      done = true;
    }
    expect(done, "somebody may").toBe(true);
  });

  const first = { cmd: "true", type: "start", path: "." };

  it.each(STREAMS)("$name, a stream", async ({ url }) => {
    await using world = await World.make(platform);
    const id = await world.capsule();
    const pid = url.includes(":selector") ? await world.process(id) : "";
    const ofPlatform = url.startsWith("/v1/admin/");
    const address = platform.url + url.replace(":id", id).replace(":selector", pid);
    const query = `?${new URLSearchParams({ path: "." })}`;
    const refusal = async (key: string | undefined, user?: TestUser) => {
      const client = new StreamClient<{ type: "error"; code: string } | { type: "pong" }>(address + query, key);
      const token = user?.headers.authorization.replace(/^Bearer /, "") ?? "x";
      if (key === undefined) await client.send({ type: "auth", token });
      await client.send(first);
      const error = await client.next("error");
      await client.end();
      return error.code;
    };
    expect(await refusal(undefined)).toBe("unauthorized");
    expect(await refusal(world.bareKey["x-api-key"])).toBe("forbidden");
    expect(await refusal(world.strangersKey["x-api-key"])).toBe(ofPlatform ? "forbidden" : "not_found");
    expect(await refusal(undefined, world.stranger)).toBe(ofPlatform ? "forbidden" : "not_found");
    if (ofPlatform) expect(await refusal(undefined, world.owner)).toBe("forbidden");
    expect(await refusal(undefined, world.root)).toBe("not_found");
  });
});
