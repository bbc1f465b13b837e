/** Requests that nobody should send, to every operation: each is refused or done as the OpenAPI document says, and soon. */
import { join } from "node:path";
import type { Access } from "@wrenn/protocol/access";
import { LIMITS } from "@wrenn/protocol/limits";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Place, placesOf, readDocument, type Schema, SchemaCheck } from "../testing/document.ts";
import { Fitting } from "../testing/fitting.ts";
import { ask, Judge } from "../testing/judge.ts";
import { TestPlatform } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { Random } from "../testing/random.ts";
import { ROUTE_CASES, type Target } from "../testing/route-cases.ts";
import { routeTable } from "../testing/route-table.ts";
import { senderOf } from "../testing/sender.ts";
import { EVERYTHING, type Headers, World } from "../testing/world.ts";

const ROUNDS = 10;
const FITTING_ROUNDS = 5;
const BROKEN_ROUNDS = 6;
const JSON_TYPE = "application/json";

const NASTY: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  "",
  " ",
  "x",
  "\0",
  "é\u{1f600}\ud800",
  "x".repeat(20_000),
  "../../etc/passwd",
  "'; DROP TABLE users; --",
  "2026-13-40",
  "0000-01-01T00:00:00Z",
  "cl-zzzzzzzzzzzzzzzzzzzzzzzzz",
  `team-${"0".repeat(25)}`,
  "00000000-0000-0000-0000-000000000000",
  [],
  [null],
  {},
  { a: { b: [1] } },
  { __proto__: null, constructor: 1, toString: 2 },
];

const NO_CREDENTIALS: readonly Headers[] = [
  {},
  { "x-api-key": "" },
  { "x-api-key": `wrn_${"x".repeat(5000)}` },
  { "x-api-key": "\u00e9' OR 1=1 --" },
  { authorization: "Bearer" },
  { authorization: "Basic eDp4" },
  { authorization: "Bearer eyJhbGciOiJub25lIn0.e30." },
  { authorization: `Bearer ${"a.".repeat(2000)}` },
  { "x-host-token": "x" },
  { cookie: "session=x", "x-api-key": "wrn_" },
];

/** Bodies that are not what their type says, or not of the type that is asked for. */
const BROKEN: readonly (readonly [type: string | undefined, body: string])[] = [
  [JSON_TYPE, "{"],
  [JSON_TYPE, '{"a":1,}'],
  [JSON_TYPE, "nul"],
  [JSON_TYPE, "\ufeff[]"],
  [JSON_TYPE, "[".repeat(20_000)],
  [JSON_TYPE, '{"__proto__":{"x":1}}'],
  [`${JSON_TYPE}; charset=utf-16`, "{}"],
  ["text/plain", "{}"],
  ["application/xml", "<a/>"],
  ["application/x-www-form-urlencoded", "a=1"],
  ["multipart/form-data", "x"],
  ["multipart/form-data; boundary=x", "--x\r\n\r\n"],
  ["/;,", "{}"],
  [undefined, "{}"],
];

const ENCODINGS = ["gzip", "br", "x-none", "identity, gzip", "\u00e9"];

const document = await readDocument();
const schemas = new SchemaCheck(document);
const judge = new Judge(document, schemas);
const PLACES = placesOf(document).map((place) => ({ ...place, id: place.operation.operationId }));
const ACCESS = new Map(routeTable().map(({ name, access }) => [name, access]));
const accessOf = ({ name }: Place): Access => ACCESS.get(name) ?? { who: "anyone" };

describe.each(ENGINES)("bad input on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let world: World;
  let done = 0;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine, EVERYTHING);
    world = await World.make(platform);
  }, 60_000);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await platform[Symbol.asyncDispose]();
  });

  /** Sends it, and judges what comes back. @param what tells one request of many from the others */
  async function send(place: Place, { path = {}, query = {} }: Target, init: RequestInit, what: string) {
    const filled = place.path.replace(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(path[name] ?? "x"));
    const said = await ask(`${platform.url}${filled}?${new URLSearchParams(query)}`, { ...init, method: place.method });
    judge.check(place, said, `${what} ${JSON.stringify({ path, query, body: init.body }).slice(0, 1000)}`);
    return said.status;
  }

  /** Names that a body may have. */
  function fieldsOf(schema: Schema | undefined): string[] {
    if (schema === undefined) return [];
    const named = document.components.schemas[schema.$ref?.split("/").at(-1) ?? ""];
    const inner = [...(schema.oneOf ?? []), ...(schema.anyOf ?? []), ...(named === undefined ? [] : [named])];
    return [...Object.keys(schema.properties ?? {}), ...inner.flatMap(fieldsOf)];
  }

  /** Those whose requests get furthest. */
  function senderTo(place: Place): Headers {
    const { who } = accessOf(place);
    return who === "team" ? world.key : { ...(who === "admin" ? world.root : world.owner).headers };
  }

  /** For the next ones. */
  async function freeHost({ key }: World): Promise<void> {
    const { body } = await platform.request<{ id: string }[]>("GET", "/v1/capsules", { headers: key });
    if (!Array.isArray(body)) return;
    for (const { id } of body) await platform.request("DELETE", `/v1/capsules/${id}`, { headers: key });
  }

  const json = (headers: Headers, body: unknown): RequestInit =>
    body === undefined
      ? { headers }
      : { headers: { ...headers, "content-type": JSON_TYPE }, body: JSON.stringify(body) };

  it.each(PLACES)("$id: values that are not meant", async (place) => {
    const random = new Random();
    const { parameters = [], requestBody } = place.operation;
    const content = requestBody?.content[JSON_TYPE];
    const fields = fieldsOf(content?.schema);
    const text = (most: number) => {
      const given = String(random.pick(NASTY.filter((value) => typeof value !== "object")));
      return given.slice(0, most).toWellFormed();
    };
    const some = (list: readonly string[]) => list.filter(() => random.below(3) > 0);
    const names = (where: string) => parameters.filter((one) => one.in === where).map(({ name }) => name);
    for (let round = 0; round < ROUNDS; round++) {
      const target = {
        path: Object.fromEntries(names("path").map((name) => [name, text(500) || "x"])),
        query: Object.fromEntries(some(names("query")).map((name) => [name, text(2000)])),
      };
      const composed = () => Object.fromEntries(some(fields).map((name) => [name, random.pick(NASTY)]));
      const body = content && (random.below(4) === 0 ? random.pick(NASTY) : composed());
      const status = await send(place, target, json(senderTo(place), body), `seed ${random.seed}`);
      expect(status).toBeLessThan(500);
    }
  });

  /** What no engine gets to see. */
  const once = it.skipIf(engine !== ENGINES[0]);

  async function sendBroken(place: Place, target: Target, headers: Headers): Promise<void> {
    const random = new Random();
    const [usual = JSON_TYPE] = Object.keys(place.operation.requestBody?.content ?? {});
    for (let round = 0; round < BROKEN_ROUNDS; round++) {
      const [type, body] = random.pick([...BROKEN, [usual, "{}"] as const]);
      const encoding = random.below(3) === 0 ? { "content-encoding": random.pick(ENCODINGS) } : {};
      const init = {
        headers: { ...headers, ...encoding, ...(type && { "content-type": type }) },
        body: new Blob([body]),
      };
      const what = `seed ${random.seed}, ${type} ${body.slice(0, 100)}`;
      expect(await send(place, target, init, what), what).toBeLessThan(500);
    }
  }

  once.each(PLACES.filter(({ method }) => method !== "GET"))(
    "$id: bodies that are broken, too large or of another type",
    async (place) => {
      const { who } = accessOf(place);
      // One of these requests may end the session.
      const headers = who === "team" ? world.key : { ...(await platform.signIn({ isAdmin: who === "admin" })).headers };
      const types = Object.keys(place.operation.requestBody?.content ?? { [JSON_TYPE]: {} });
      if (types.includes(JSON_TYPE) && who !== "host") {
        const large = json(headers, { a: "x".repeat(LIMITS.jsonBodyBytes) });
        expect(await send(place, {}, large, "too large")).toBe(413);
      }
      await sendBroken(place, {}, headers);
    },
  );

  once.each(PLACES)("$id: credentials that are none, and parameters that come twice", async (place) => {
    const open = accessOf(place).who === "anyone";
    for (const headers of NO_CREDENTIALS) {
      const status = await send(place, {}, { headers }, JSON.stringify(headers).slice(0, 100));
      if (!open) expect(status, JSON.stringify(headers)).toBe(401);
    }
    for (const { in: where, name } of place.operation.parameters ?? []) {
      if (where !== "query") continue;
      const twice = { ...place, path: `${place.path}?${name}=1&${name}=2&` };
      expect(await send(twice, {}, { headers: senderTo(place) }, name)).toBeLessThan(500);
    }
  });

  it.each(PLACES)("$id: values that fit the schemas, and are odd all the same", async (place) => {
    const random = new Random();
    const fitting = new Fitting(document, random);
    await using own = await World.make(platform);
    const target: Target = (await ROUTE_CASES[place.name]?.target(own)) ?? {};
    const { headers } = senderOf(own, { access: accessOf(place) }, target);
    const { root } = await platform.host.guest.agent;
    /** Nothing outside the test is named. */
    const harmless = (fields: unknown): unknown => {
      if (typeof fields !== "object" || fields === null) return fields;
      const given = fields as Record<string, unknown>;
      const inside = (name: string) => (name in given ? { [name]: join(root, `f${random.below(3)}`) } : {});
      const config = "config" in given ? { config: random.pick([own.webhook.config, {}, { url: "x" }]) } : {};
      return { ...given, ...inside("path"), ...inside("source"), ...inside("destination"), ...config };
    };
    const { parameters = [], requestBody } = place.operation;
    const content = requestBody?.content[JSON_TYPE];
    if (requestBody !== undefined && content === undefined) return sendBroken(place, target, headers);
    for (let round = 0; round < FITTING_ROUNDS; round++) {
      const given = parameters.filter((one) => one.in === "query" && (one.required === true || random.below(2) === 0));
      const values = Object.fromEntries(given.map(({ name, schema }) => [name, fitting.value(schema)]));
      const query = Object.fromEntries(
        Object.entries(harmless(values) as object).map(([name, value]) => [name, String(value).toWellFormed()]),
      );
      const body = content?.schema && harmless(fitting.value(content.schema));
      const status = await send(place, { ...target, query }, json(headers, body), `seed ${random.seed}`);
      if (status < 300) done++;
    }
    await freeHost(own);
  });

  it("has done much of it, and serves whoever asks properly as before", async () => {
    expect(done).toBeGreaterThan(PLACES.length);
    expect((await platform.request("GET", "/v1/capsules")).status).toBe(200);
  });
});
