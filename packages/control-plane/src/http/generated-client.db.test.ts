/** A client that oazapfts makes from the OpenAPI document calls every operation: the document is true, and of use to generators. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { RequestOpts } from "@oazapfts/runtime";
import { oazapfts } from "oazapfts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Document, type Place, placesOf, readDocument, SchemaCheck } from "../testing/document.ts";
import { TestPlatform } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { ROUTE_CASES, type Target } from "../testing/route-cases.ts";
import { routeTable } from "../testing/route-table.ts";
import { senderOf } from "../testing/sender.ts";
import { EVERYTHING, World } from "../testing/world.ts";

/** A function of the client; the first argument is all that the operation takes by name, if it takes anything. */
type Call = (...args: (Record<string, unknown> | RequestOpts)[]) => Promise<{ status: number; data?: unknown }>;

const REPOSITORY = join(import.meta.dirname, "../../../..");
const NO_DECLARATIONS = { composite: false, declaration: false, emitDeclarationOnly: false };
const OPTIONS = { argumentStyle: "object", futureStripLegacyMethods: true } as const;

const document = await readDocument();
const PLACES = placesOf(document);
const ACCESS = new Map(routeTable().map(({ name, access }) => [name, access]));

/** The TypeScript in it. */
async function sampleOf(path: string): Promise<string> {
  const [, sample] = /```ts\n(.*?)```/s.exec(await readFile(join(REPOSITORY, path), "utf8")) ?? [];
  if (sample === undefined) throw new Error(`${path} has no sample`);
  return sample;
}

/** A folder with the client, where it finds the libraries that it imports. */
async function generate(from: Document): Promise<string> {
  const cache = join(REPOSITORY, ".cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "client-"));
  await writeFile(join(folder, "openapi.json"), JSON.stringify(from));
  await writeFile(join(folder, "client.ts"), await oazapfts(join(folder, "openapi.json"), OPTIONS));
  // As the documentation makes it, with its sample.
  await writeFile(join(folder, "wrenn.ts"), await oazapfts(join(folder, "openapi.json")));
  await writeFile(join(folder, "sample.ts"), await sampleOf("docs/api.md"));
  // What is strict beyond `strict` is the generator's to keep.
  const compilerOptions = { noEmit: true, exactOptionalPropertyTypes: false };
  const settings = { extends: "../../tsconfig.base.json", compilerOptions: { ...compilerOptions, ...NO_DECLARATIONS } };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(settings));
  return folder;
}

const camel = (name: string) => name.replaceAll(/[-_](\w)/g, (_all, letter: string) => letter.toUpperCase());

/** What the function takes: parameters by their names, and the body by the name of its schema. */
function argumentsOf({ operation }: Place, { path, query, body }: Target): Record<string, unknown> {
  const named = Object.entries({ ...query, ...path }).map(([name, value]) => [camel(name), value]);
  const schema = operation.requestBody?.content["application/json"]?.schema?.$ref?.split("/").at(-1);
  const bodyName = schema === undefined ? "body" : schema.charAt(0).toLowerCase() + schema.slice(1);
  // The client makes forms of objects.
  const fields = body instanceof FormData ? Object.fromEntries(body) : body;
  return { ...Object.fromEntries(named), ...(body === undefined ? {} : { [bodyName]: fields }) };
}

describe.each(ENGINES)("a client generated from the OpenAPI document, on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let folder: string;
  let client: Record<string, Call>;
  const schemas = new SchemaCheck(document);
  const called = new Set<string>();

  beforeAll(async () => {
    platform = await TestPlatform.start(engine, EVERYTHING);
    folder = await generate(document);
    client = await import(pathToFileURL(join(folder, "client.ts")).href);
  }, 60_000);
  afterAll(async () => {
    await platform[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it("has types that hold under strict settings, as does the sample of the documentation", async () => {
    const tsc = join(REPOSITORY, "node_modules/.bin/tsc");
    await promisify(execFile)(tsc, ["-p", folder]).catch(({ stdout }) => expect.fail(stdout));
  });

  it.each(PLACES)("$operation.operationId: $name", async (place) => {
    const { name, operation } = place;
    await using world = await World.make(platform);
    const target: Target = (await ROUTE_CASES[name]?.target(world)) ?? {};
    const { headers } = senderOf(world, { access: ACCESS.get(name) ?? { who: "anyone" } }, target);
    let raw: Response | undefined;
    const options: RequestOpts = {
      baseUrl: platform.url,
      headers,
      fetch: async (url, init) => {
        raw = (await fetch(url, init)).clone();
        return raw.clone();
      },
    };
    const args = argumentsOf(place, target);
    const takes = operation.parameters !== undefined || operation.requestBody !== undefined;
    const answer = await client[operation.operationId]?.(...(takes ? [args, options] : [options]));
    if (answer === undefined || raw === undefined) throw new Error("the client does not have it");
    called.add(operation.operationId);

    expect(answer.status, JSON.stringify(answer.data)).toBeLessThan(300);
    const told = operation.responses[answer.status];
    expect(Object.keys(operation.responses)).toContain(String(answer.status));
    const type = raw.headers.get("content-type")?.split(";", 1)[0];
    expect([type].flatMap((one) => one ?? [])).toEqual(Object.keys(told?.content ?? {}));
    if (type === undefined) return expect(await raw.text()).toBe("");
    if (type !== "application/json") return expect(await raw.text()).toBe("text");
    const body = await raw.json();
    expect(schemas.complaint(told?.content?.[type]?.schema ?? {}, body), JSON.stringify(body)).toBeUndefined();
    expect(answer.data).toEqual(body);
  });

  it("has forgotten no operation", () => {
    const told = PLACES.map(({ operation }) => operation.operationId);
    expect([...called].toSorted()).toEqual(told.toSorted());
    const served = routeTable().filter(({ stream, url }) => !stream && url.startsWith("/v1/"));
    expect(PLACES.length).toBe(served.length + 2);
  });
});
