import { afterEach, beforeEach, expect, it } from "vitest";
import { type AgentFixture, startAgent, TOKEN } from "../testing/agent-fixture.ts";
import { rawRequest } from "../testing/http-request.ts";

let fixture: AgentFixture;
beforeEach(async () => {
  fixture = await startAgent({ strict: true });
});
afterEach(() => fixture[Symbol.asyncDispose]());

const ORIGIN = { origin: "https://page.example" };
const ask = (path: string, method = "GET", headers: Record<string, string> = {}) =>
  rawRequest(`${fixture.url}${path}`, { method, headers: { ...ORIGIN, ...headers } });

it.each(["/files?path=x", "/process.Process/Start", "/health", "/nothing"])(
  "lets a browser ask before it sends the token: %s",
  async (path) => {
    const { status, headers, body } = await ask(path, "OPTIONS", {
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type,x-access-token",
    });
    expect([status, body.toString()]).toEqual([204, ""]);
    expect(headers).toMatchObject({
      "access-control-allow-origin": "*",
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": "*, authorization",
      "access-control-max-age": "7200",
    });
  },
);

it.each([
  ["/health", {}, 200],
  ["/envs", { "x-access-token": TOKEN }, 200],
  ["/envs", {}, 401],
  ["/files?path=/missing", { "x-access-token": TOKEN }, 404],
  ["/process.Process/List", { "x-access-token": TOKEN }, 404],
])("lets a page read the answer of %s %j", async (path, sent, expected) => {
  const { status, headers } = await ask(path, "GET", sent);
  expect([status, headers["access-control-allow-origin"]]).toEqual([expected, "*"]);
});

it("lets a page read the answer of a call", async () => {
  const headers = { "x-access-token": TOKEN, "content-type": "application/json" };
  const answer = await rawRequest(`${fixture.url}/process.Process/List`, { method: "POST", headers, body: "{}" });
  expect([answer.status, answer.headers["access-control-allow-origin"]]).toEqual([200, "*"]);
});

it.each(["/init", "/clock", "/snapshot/prepare"])("lets no page near %s", async (path) => {
  for (const method of ["OPTIONS", "GET", "POST"]) {
    const { status, headers } = await ask(path, method);
    if (method === "OPTIONS") expect(status).toBe(404);
    expect(headers).not.toHaveProperty("access-control-allow-origin");
  }
});
