import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestPlatform } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { Random } from "../testing/random.ts";
import { type DeclaredRoute, routeTable } from "../testing/route-table.ts";
import { buildRoutesOnly } from "../testing/routes-only.ts";
import { sendCase } from "../testing/send-case.ts";
import { EVERYTHING, type Headers, World } from "../testing/world.ts";

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
}
interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: Schema }>> };
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const ROUNDS = 12;
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

const ROUTES = routeTable().filter(({ stream }) => !stream);

describe.each(ENGINES)("bad input on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let world: World;
  let document: Document;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine, EVERYTHING);
    world = await World.make(platform);
    const routes = await buildRoutesOnly();
    document = (await routes.inject("/openapi.json")).json();
    await routes.close();
  }, 60_000);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await platform[Symbol.asyncDispose]();
  });

  function operationOf({ method, url }: DeclaredRoute): Operation {
    return document.paths[url.replaceAll(/:(\w+)/g, "{$1}")]?.[method.toLowerCase()] ?? {};
  }

  /** Names that a body of the operation may have. */
  function fieldsOf(schema: Schema | undefined): string[] {
    if (schema === undefined) return [];
    const named =
      schema.$ref === undefined ? undefined : document.components.schemas[schema.$ref.split("/").at(-1) ?? ""];
    const inner = [...(schema.oneOf ?? []), ...(schema.anyOf ?? []), ...(named === undefined ? [] : [named])];
    return [...Object.keys(schema.properties ?? {}), ...inner.flatMap(fieldsOf)];
  }

  const senderOf = ({ access }: DeclaredRoute): Headers => {
    if (access.who === "admin") return world.root.headers;
    return access.who === "team" ? world.key : world.owner.headers;
  };

  it.each(ROUTES)("$name: is refused or done, and never breaks anything", async (route) => {
    const random = new Random();
    const { parameters = [], requestBody } = operationOf(route);
    const content = requestBody?.content["application/json"];
    const fields = fieldsOf(content?.schema);
    const text = () => String(random.pick(NASTY.filter((value) => typeof value !== "object"))).toWellFormed();
    for (let round = 0; round < ROUNDS; round++) {
      const names = (place: string) => parameters.filter((one) => one.in === place).map(({ name }) => name);
      const some = (list: readonly string[]) => list.filter(() => random.below(3) > 0);
      const target = {
        path: Object.fromEntries(names("path").map((name) => [name, text().slice(0, 500).toWellFormed() || "x"])),
        query: Object.fromEntries(some(names("query")).map((name) => [name, text().slice(0, 2000).toWellFormed()])),
        body:
          content === undefined
            ? undefined
            : random.below(4) === 0
              ? random.pick(NASTY)
              : Object.fromEntries(some(fields).map((name) => [name, random.pick(NASTY)])),
      };
      const { status, body } = await sendCase(platform, route, target, senderOf(route));
      const what = `seed ${random.seed}, ${JSON.stringify(target).slice(0, 1000)}: ${status} ${JSON.stringify(body)}`;
      expect(status, what).toBeLessThan(500);
      if (status >= 400 && status !== 404) expect(body.error, what).toMatchObject({ code: expect.any(String) });
    }
    // Whoever asks properly is served as before.
    expect((await platform.request("GET", "/v1/capsules")).status).toBe(200);
  });
});
