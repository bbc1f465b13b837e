import SwaggerParser from "@apidevtools/swagger-parser";
import { ERROR_CODES, ERRORS } from "@wrenn/protocol/errors";
import { beforeAll, describe, expect, it } from "vitest";
import type { App } from "../api/route.ts";
import { type Content, type Document, type Operation, type Place, placesOf, SchemaCheck } from "../testing/document.ts";
import { buildRoutesOnly } from "../testing/routes-only.ts";

const JSON_TYPE = "application/json";

describe("the OpenAPI document", () => {
  let app: App;
  let document: Document;

  beforeAll(async () => {
    // No request of this file reaches the database or a host.
    app = await buildRoutesOnly();
    document = (await app.inject("/openapi.json")).json();
    return () => app.close();
  });

  const operations = () => placesOf(document).map(({ operation }) => operation);

  /** Bodies that are JSON. @yields the status of the answer; 0 is the request */
  function* jsonBodies({ operation: { requestBody, responses } }: Place): Generator<[status: number, body: Content]> {
    for (const [status, content] of [[0, requestBody?.content] as const, ...answers(responses)]) {
      const body = content?.[JSON_TYPE];
      if (body !== undefined) yield [status, body];
    }
  }

  function answers(responses: Operation["responses"]) {
    return Object.entries(responses).map(([status, { content }]) => [Number(status), content] as const);
  }

  it("is one by the schema of OpenAPI 3.1", async () => {
    // The parser resolves references in what it is given.
    await SwaggerParser.validate(structuredClone(document) as never);
  });

  it("tells of each operation what it does, under a name of its own", () => {
    const ids = operations().map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { operationId, summary, description } of operations()) {
      expect(operationId).toMatch(/^[a-z]+([A-Z][a-z]+)*$/);
      expect(summary, operationId).toMatch(/^[A-Z].{7,}[^.]$/);
      expect(description, operationId).toMatch(/^For .*\.$/);
    }
    expect(document.paths["/v1/capsules"]?.["post"]?.description).toContain("`capsules:write`");
  });

  it("has an example that fits for every body that is JSON", () => {
    const schemas = new SchemaCheck(document);
    let bodies = 0;
    for (const place of placesOf(document)) {
      for (const [status, { schema = {}, example, examples = {} }] of jsonBodies(place)) {
        const given = status < 400 ? [example] : Object.keys(examples).map(exampleOfError);
        const what = `${place.name} ${status}`;
        expect(given, what).not.toEqual([]);
        expect(given, what).not.toContain(undefined);
        for (const one of given) expect(schemas.complaint(schema, one), what).toBeUndefined();
        bodies++;
      }
    }
    expect(bodies).toBeGreaterThan(500);
  });

  function exampleOfError(code: string) {
    return document.components.examples[code]?.value as { error: { code: string; reason?: string } } | undefined;
  }

  it("names the codes of errors: those of the registry, with their statuses", () => {
    const { code, reason } = document.components.schemas["Error"]?.properties?.["error"]?.properties ?? {};
    expect(new Set([...(code?.enum ?? []), ...(reason?.enum ?? [])])).toEqual(new Set(ERROR_CODES));
    for (const place of placesOf(document)) {
      for (const [status, body] of jsonBodies(place)) {
        if (status < 400) continue;
        const told = place.operation.responses[status]?.description;
        for (const [name, { $ref }] of Object.entries(body.examples ?? {})) {
          expect(ERRORS[name as keyof typeof ERRORS].status).toBe(status);
          expect($ref).toBe(`#/components/examples/${name}`);
          const { error } = exampleOfError(name) ?? { error: { code: "" } };
          expect(error.reason ?? error.code).toBe(name);
          expect(told).toContain(`\`${name}\``);
        }
      }
    }
    const login = document.paths["/v1/auth/login"]?.["post"]?.responses["403"]?.content?.[JSON_TYPE]?.examples ?? {};
    expect(Object.keys(login)).toEqual(expect.arrayContaining(["account_disabled", "account_not_activated"]));
  });

  it("names schemas plainly, and parameters of the path first", () => {
    expect(Object.keys(document.components.schemas)).toEqual(expect.arrayContaining(["CreateCapsule", "Capsule"]));
    const places = document.paths["/v1/capsules/{id}/files/upload"]?.["put"]?.parameters?.map((one) => one.in);
    expect(places).toEqual(["path", "query"]);
  });

  it("has every route under its canonical path and no other", () => {
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(document.openapi).toBe("3.1.0");
    expect(routes.toSorted()).toEqual([
      "DELETE /v1/admin/capsules/{id}",
      "DELETE /v1/admin/capsules/{id}/processes/{selector}",
      "DELETE /v1/admin/teams/{id}",
      "DELETE /v1/admin/templates/{name}",
      "DELETE /v1/api-keys/{id}",
      "DELETE /v1/capsules/{id}",
      "DELETE /v1/capsules/{id}/checkpoints/{name}",
      "DELETE /v1/capsules/{id}/processes/{selector}",
      "DELETE /v1/channels/{id}",
      "DELETE /v1/hosts/{id}",
      "DELETE /v1/hosts/{id}/tags/{tag}",
      "DELETE /v1/me",
      "DELETE /v1/me/providers/{provider}",
      "DELETE /v1/me/sessions/{id}",
      "DELETE /v1/snapshots/{name}",
      "DELETE /v1/teams/{id}",
      "DELETE /v1/teams/{id}/invitations/{invitation}",
      "DELETE /v1/teams/{id}/members/{uid}",
      "GET /health",
      "GET /ready",
      "GET /v1/admin/audit-logs",
      "GET /v1/admin/capsules",
      "GET /v1/admin/capsules/{id}",
      "GET /v1/admin/capsules/{id}/metrics",
      "GET /v1/admin/capsules/{id}/processes",
      "GET /v1/admin/jobs",
      "GET /v1/admin/teams",
      "GET /v1/admin/templates",
      "GET /v1/admin/users",
      "GET /v1/api-keys",
      "GET /v1/audit-logs",
      "GET /v1/capsules",
      "GET /v1/capsules/stats",
      "GET /v1/capsules/usage",
      "GET /v1/capsules/{id}",
      "GET /v1/capsules/{id}/checkpoints",
      "GET /v1/capsules/{id}/console",
      "GET /v1/capsules/{id}/files/download",
      "GET /v1/capsules/{id}/metrics",
      "GET /v1/capsules/{id}/ports",
      "GET /v1/capsules/{id}/processes",
      "GET /v1/channels",
      "GET /v1/channels/{id}",
      "GET /v1/channels/{id}/deliveries",
      "GET /v1/hosts",
      "GET /v1/hosts/{id}",
      "GET /v1/hosts/{id}/delete-preview",
      "GET /v1/hosts/{id}/tags",
      "GET /v1/me",
      "GET /v1/me/invitations",
      "GET /v1/me/providers/{provider}/connect",
      "GET /v1/me/sessions",
      "GET /v1/snapshots",
      "GET /v1/teams",
      "GET /v1/teams/{id}",
      "GET /v1/teams/{id}/invitations",
      "GET /v1/teams/{id}/members",
      "GET /v1/teams/{id}/quotas",
      "GET /v1/users/search",
      "PATCH /v1/channels/{id}",
      "PATCH /v1/me",
      "PATCH /v1/teams/{id}",
      "PATCH /v1/teams/{id}/members/{uid}",
      "POST /v1/admin/capsules",
      "POST /v1/admin/capsules/{id}/exec",
      "POST /v1/admin/capsules/{id}/files/list",
      "POST /v1/admin/capsules/{id}/files/mkdir",
      "POST /v1/admin/capsules/{id}/files/read",
      "POST /v1/admin/capsules/{id}/files/remove",
      "POST /v1/admin/capsules/{id}/files/write",
      "POST /v1/admin/capsules/{id}/snapshot",
      "POST /v1/admin/jobs/{id}/retry",
      "POST /v1/api-keys",
      "POST /v1/auth/activate",
      "POST /v1/auth/login",
      "POST /v1/auth/logout",
      "POST /v1/auth/signup",
      "POST /v1/auth/switch-team",
      "POST /v1/capsules",
      "POST /v1/capsules/{id}/checkpoints",
      "POST /v1/capsules/{id}/exec",
      "POST /v1/capsules/{id}/files/list",
      "POST /v1/capsules/{id}/files/mkdir",
      "POST /v1/capsules/{id}/files/move",
      "POST /v1/capsules/{id}/files/read",
      "POST /v1/capsules/{id}/files/remove",
      "POST /v1/capsules/{id}/files/stat",
      "POST /v1/capsules/{id}/files/stream/read",
      "POST /v1/capsules/{id}/files/stream/write",
      "POST /v1/capsules/{id}/files/write",
      "POST /v1/capsules/{id}/fork",
      "POST /v1/capsules/{id}/pause",
      "POST /v1/capsules/{id}/ping",
      "POST /v1/capsules/{id}/resume",
      "POST /v1/capsules/{id}/rollback",
      "POST /v1/channels",
      "POST /v1/channels/test",
      "POST /v1/channels/{id}/deliveries/{delivery}/resend",
      "POST /v1/hosts",
      "POST /v1/hosts/auth/refresh",
      "POST /v1/hosts/register",
      "POST /v1/hosts/{id}/heartbeat",
      "POST /v1/hosts/{id}/tags",
      "POST /v1/hosts/{id}/token",
      "POST /v1/me/invitations/{id}/accept",
      "POST /v1/me/invitations/{id}/decline",
      "POST /v1/me/password",
      "POST /v1/me/password/reset",
      "POST /v1/me/password/reset/confirm",
      "POST /v1/snapshots",
      "POST /v1/teams",
      "POST /v1/teams/{id}/leave",
      "POST /v1/teams/{id}/members",
      "POST /v1/teams/{id}/transfer",
      "PUT /v1/admin/teams/{id}/byoc",
      "PUT /v1/admin/teams/{id}/owner",
      "PUT /v1/admin/teams/{id}/quotas",
      "PUT /v1/admin/users/{id}/active",
      "PUT /v1/admin/users/{id}/admin",
      "PUT /v1/capsules/{id}/files/upload",
      "PUT /v1/channels/{id}/config",
      "PUT /v1/hosts/{id}/drain",
    ]);
  });

  it("says how bytes are sent and received", () => {
    const file = { type: "string", format: "binary" };
    const of = (path: string, method: string) => document.paths[`/v1/capsules/{id}/files/${path}`]?.[method];
    for (const path of ["write", "stream/write"]) {
      const form = of(path, "post")?.requestBody?.content?.["multipart/form-data"]?.schema;
      expect(form).toMatchObject({ properties: { path: { type: "string" }, file }, required: ["path", "file"] });
    }
    expect(of("upload", "put")?.requestBody?.content).toMatchObject({ "application/octet-stream": { schema: file } });
    for (const answer of [of("read", "post"), of("stream/read", "post"), of("download", "get")]) {
      expect(answer?.responses["200"]?.content).toMatchObject({ "application/octet-stream": { schema: file } });
    }
  });

  it("says which bodies may be left out", () => {
    const withBody = operations().filter(({ requestBody }) => requestBody !== undefined);
    const optional = withBody.filter(({ requestBody }) => requestBody?.required === false);
    const ids = optional.map(({ operationId }) => operationId);
    expect(ids.toSorted()).toEqual(["createCheckpoint", "forkCapsule", "heartbeatHost", "resumeCapsule"]);
    expect(withBody.length).toBeGreaterThan(ids.length);
  });

  it("documents the envelope for every error status, with statuses of the registry only", () => {
    const statuses = new Set(Object.values(ERRORS).map(({ status }) => String(status)));
    for (const { responses } of operations()) {
      for (const [status, { content }] of Object.entries(responses).filter(([code]) => code >= "400")) {
        expect(statuses).toContain(status);
        expect(content?.["application/json"]?.schema).toEqual({ $ref: "#/components/schemas/Error" });
      }
    }
  });

  it("says which headers answers have: the next page's cursor, and when to ask again", () => {
    const having = (field: string) =>
      placesOf(document).flatMap(({ name, operation }) =>
        Object.entries(operation.responses)
          .filter(([, { headers = {} }]) => field in headers)
          .map(([status]) => `${name} ${status}`),
      );
    expect(having("x-next-cursor")).toEqual(expect.arrayContaining(["GET /v1/capsules 200", "GET /v1/teams 200"]));
    expect(having("x-next-cursor")).not.toContain("GET /v1/audit-logs 200");
    expect(having("retry-after")).toEqual(
      expect.arrayContaining(["POST /v1/auth/login 429", "POST /v1/capsules 429", "GET /ready 503"]),
    );
    expect(having("idempotency-replayed")).toContain("POST /v1/capsules 201");
    expect(having("x-request-id")).toContain("GET /health 200");
  });

  it("lets answers have fields that a later version adds", () => {
    const closed = Object.entries(document.components.schemas).filter(([, one]) => one.additionalProperties === false);
    expect(closed.map(([name]) => name)).toEqual(["TeamLimitsInput"]);
    const { schema = {} } = document.paths["/health"]?.["get"]?.responses["200"]?.content?.[JSON_TYPE] ?? {};
    const answer = { status: "ok", version: "0.1.0" };
    expect(new SchemaCheck(document).complaint(schema, answer)).toBeUndefined();
    expect(new SchemaCheck(document).complaint(schema, { ...answer, more: 1 })).toContain("additional");
  });

  it("has patterns that mean the same to programs in other languages", () => {
    const patterns = [...JSON.stringify(document).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)].map(
      ([, text = ""]) => JSON.parse(text) as string,
    );
    expect(patterns.length).toBeGreaterThan(20);
    for (const pattern of patterns) {
      expect(() => new RegExp(pattern), pattern).not.toThrow();
      expect(pattern).not.toMatch(/\\[pPkuZ]|\(\?<|\(\?i/);
    }
  });

  it("lists the tag of every operation", () => {
    const listed = document.tags.map(({ name }) => name);
    expect(new Set(operations().flatMap(({ tags }) => tags))).toEqual(new Set(listed));
  });

  it("says of each route whom it is for", () => {
    expect(Object.keys(document.components.securitySchemes)).toEqual(["apiKey", "session", "hostToken"]);
    expect(document.paths["/health"]?.["get"]?.security).toEqual([]);
    expect(document.paths["/v1/capsules"]?.["post"]?.security).toEqual([{ apiKey: [] }, { session: [] }]);
    expect(operations().filter(({ security }) => security === undefined)).toEqual([]);
  });

  it("has no reference to nowhere and no schema that nothing refers to", () => {
    const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(
      ([, name]) => name,
    );
    expect(new Set(references)).toEqual(new Set(Object.keys(document.components.schemas)));
  });

  it("is served as YAML and as a page that loads nothing from elsewhere", async () => {
    expect((await app.inject("/openapi.yaml")).body).toMatch(/^openapi: 3\.1\.0/);
    expect((await app.inject("/")).headers.location).toBe("/docs");
    const page = await app.inject("/docs");
    expect(page.statusCode).toBe(200);
    // Nor does it ask for TLS, which the server does not speak.
    expect(page.headers["content-security-policy"]).toMatch(/^default-src 'self'; (?!.*(http|upgrade|unsafe))/);
    expect(page.body).not.toMatch(/<script>| style=/);
    expect(page.body).toContain('src="/docs/static/swagger-initializer.js"');
    expect(page.body).not.toMatch(/(src|href)="(https?:)?\/\//);
    const script = /src="\.?\/?(?:docs\/)?(static\/swagger-ui-bundle\.js)"/.exec(page.body)?.[1];
    expect((await app.inject(`/docs/${script}`)).statusCode).toBe(200);
  });

  it("has a page that opens at the operation which an address names: /docs#/Capsules/createCapsule", async () => {
    const settings = (await app.inject("/docs/static/swagger-initializer.js")).body;
    expect(settings).toContain('"deepLinking":true');
    expect(settings).toContain("url: resolveUrl('./json')");
    expect((await app.inject("/docs/json")).json()).toEqual(document);
    expect(document.paths["/v1/capsules"]?.["post"]).toMatchObject({
      operationId: "createCapsule",
      tags: ["Capsules"],
    });
  });

  it("does not have the metrics, which are for this machine only", async () => {
    expect(document.paths["/metrics"]).toBeUndefined();
    const answer = await app.inject({ url: "/metrics", remoteAddress: "192.0.2.7" });
    expect(answer.statusCode).toBe(403);
    expect(answer.json()).toMatchObject({ error: { code: "forbidden" } });
  });

  it.each([
    ["GET", "/nowhere", 404],
    ["GET", "/v1", 404],
    ["PUT", "/v1/capsules", 405],
    ["PATCH", "/api/v1/sandboxes/cl-1?x=1", 405],
    ["POST", "/health", 405],
  ] as const)("answers %s %s with %i in plain text", async (method, url, status) => {
    const answer = await app.inject({ method, url });
    expect(answer.statusCode).toBe(status);
    expect(answer.headers["content-type"]).toMatch(/^text\/plain/);
  });
});
