import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AgentFixture, startAgent, TOKEN } from "../testing/agent-fixture.ts";
import { signature } from "./signature.ts";

let fixture: AgentFixture;
beforeEach(async () => {
  fixture = await startAgent({ strict: true });
});
afterEach(() => fixture[Symbol.asyncDispose]());

const NEW_TOKEN = "another-token-of-the-tests";

interface Call {
  readonly token?: string;
  readonly body?: string;
  /** address that the request comes from */
  readonly from?: string;
}

/** Status of the answer, and the message of an error. */
function call(method: string, path: string, { token, body, from = "127.0.0.1" }: Call = {}): Promise<[number, string]> {
  const { hostname, port } = new URL(fixture.url);
  const headers = token === undefined ? {} : { "x-access-token": token };
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, headers, localAddress: from }, (answer) => {
      void answer.toArray().then((chunks) => {
        const text = Buffer.concat(chunks).toString();
        const isJson = answer.headers["content-type"] === "application/json";
        resolve([answer.statusCode ?? 0, isJson ? (JSON.parse(text).message ?? "") : text]);
      }, reject);
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

const init = (token: string) => call("POST", "/init", { body: JSON.stringify({ accessToken: token }) });

describe("the access token", () => {
  it.each([
    ["GET", "/metrics"],
    ["GET", "/envs"],
    ["GET", "/ports"],
    ["GET", "/ports/watch"],
    ["GET", "/files?path=x"],
    ["POST", "/files?path=x"],
    ["POST", "/process.Process/List"],
    ["POST", "/process.Process/Start"],
    ["GET", "/nothing"],
    ["GET", "/health/"],
    ["GET", "//health"],
    ["POST", "/init/"],
  ])("is asked for by %s %s", async (method, path) => {
    expect(await call(method, path)).toEqual([401, "the header x-access-token is missing"]);
    expect(await call(method, path, { token: "" })).toEqual([401, "the access token is wrong"]);
    expect(await call(method, path, { token: `${TOKEN}x` })).toEqual([401, "the access token is wrong"]);
    expect(await call(method, path, { token: TOKEN.toUpperCase() })).toEqual([401, "the access token is wrong"]);
  });

  it("opens what asks for it", async () => {
    expect(await call("GET", "/envs", { token: TOKEN })).toEqual([200, ""]);
    expect((await call("GET", "/nothing", { token: TOKEN }))[0]).toBe(404);
  });

  it("is not asked for by /health", async () => {
    expect((await call("GET", "/health"))[0]).toBe(200);
    expect((await call("GET", "/health", { token: "wrong" }))[0]).toBe(200);
  });

  it("is replaced by an init, and the old one opens nothing any more", async () => {
    expect(await init(NEW_TOKEN)).toEqual([204, ""]);
    expect((await call("GET", "/envs", { token: TOKEN }))[0]).toBe(401);
    expect((await call("GET", "/envs", { token: NEW_TOKEN }))[0]).toBe(200);
  });

  it("stays when an init does not name one", async () => {
    await call("POST", "/init", { body: "{}" });
    expect((await call("GET", "/envs", { token: TOKEN }))[0]).toBe(200);
  });

  it.each(["short", "with a space in it", "x".repeat(257), "ünîcödé-ünîcödé"])("cannot be %j", async (token) => {
    expect(await init(token)).toEqual([400, "accessToken must be 16 to 256 visible ASCII characters"]);
    expect((await call("GET", "/envs", { token: TOKEN }))[0]).toBe(200);
  });

  it("is needed for everything before there is one", async () => {
    fixture.agent.settings = { ...fixture.agent.settings, accessToken: undefined };
    const missing = [401, "this capsule has no access token yet"];
    expect(await call("GET", "/envs")).toEqual(missing);
    expect(await call("GET", "/envs", { token: "undefined" })).toEqual(missing);
    expect(await call("GET", "/files?path=x&signature=v1_x")).toEqual(missing);
    expect((await call("GET", "/health"))[0]).toBe(200);
    expect((await init(NEW_TOKEN))[0]).toBe(204);
    expect((await call("GET", "/envs", { token: NEW_TOKEN }))[0]).toBe(200);
  });
});

describe("control paths", () => {
  it.each([
    ["POST", "/init"],
    ["GET", "/clock"],
    ["POST", "/snapshot/prepare"],
  ])("answer the host and nobody else: %s %s", async (method, path) => {
    const refused = [403, "only the host may ask for this"];
    const body = method === "POST" ? { body: "{}" } : {};
    expect(await call(method, path, { ...body, from: "127.0.0.2" })).toEqual(refused);
    expect(await call(method, path, { ...body, from: "127.0.0.2", token: TOKEN })).toEqual(refused);
    expect((await call(method, path, body))[0]).toBeLessThan(300);
  });
});

describe("a signed URL", () => {
  const url = (path: string, operation: "read" | "write") =>
    `/files?${new URLSearchParams({ path, signature: signature(path, operation, "", TOKEN) })}`;

  it("opens one file, one way", async () => {
    const path = join(fixture.root, "signed.txt");
    writeFileSync(path, "content");
    expect(await call("GET", url(path, "read"))).toEqual([200, "content"]);
    expect(await call("GET", url(path, "write"))).toEqual([401, "invalid signature"]);
    expect(await call("POST", url(path, "read"))).toEqual([401, "invalid signature"]);
    expect(await call("GET", `${url(path, "read")}&x=1`)).toEqual([200, "content"]);
  });

  it("opens nothing but /files, and does not make up for a wrong token", async () => {
    const path = join(fixture.root, "signed.txt");
    writeFileSync(path, "content");
    expect((await call("GET", url(path, "read").replace("/files", "/envs")))[0]).toBe(401);
    expect(await call("GET", url(path, "read"), { token: "wrong" })).toEqual([401, "the access token is wrong"]);
  });
});

it("tells a client that is still sending why it was refused", async () => {
  const refused = await call("POST", "/files?path=x", { body: "x".repeat(8 * 1024 * 1024) });
  expect(refused).toEqual([401, "the header x-access-token is missing"]);
});
