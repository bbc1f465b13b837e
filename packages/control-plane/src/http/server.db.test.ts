import { randomUUID } from "node:crypto";
import { LIMITS } from "@wrenn/protocol/limits";
import type { Capsule } from "@wrenn/protocol/rest/capsules";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../db/database.ts";
import { apiKeys, teams } from "../db/schema.ts";
import { hashApiKey, newApiKey, storeApiKey } from "../identity/api-keys.ts";
import { type Failure, TestPlatform } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";

describe.each(ENGINES)("the API on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let db: Database;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    db = platform.db;
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  const raw = (method: string, path: string, body?: string, headers: Record<string, string> = {}) =>
    platform.request<Failure>(method, path, { ...(body === undefined ? {} : { body }), headers });

  describe("authentication", () => {
    it.each([
      ["no key", ""],
      ["an unknown key", newApiKey()],
      ["no key at all", "hello"],
      ["a key with blanks", `wrn_${"0".repeat(31)} `],
    ])("refuses %s", async (_what, key) => {
      const { status, body } = await raw("GET", "/v1/capsules", undefined, { "x-api-key": key });
      expect(status).toBe(401);
      expect(body.error.code).toBe("unauthorized");
    });

    it("says when the header is missing", async () => {
      const answer = await fetch(`${platform.url}/v1/capsules`);
      expect(await answer.json()).toEqual({
        error: { code: "unauthorized", message: "the X-API-Key header is missing" },
      });
    });

    it("is not needed for health and documentation", async () => {
      for (const path of ["/health", "/docs", "/openapi.json"]) {
        expect((await fetch(platform.url + path)).status, path).toBe(200);
      }
    });

    it("stores no clear text, and notes the use of a key", async () => {
      await platform.listCapsules();
      const rows = await db.queries.select().from(apiKeys);
      expect(rows).toHaveLength(1);
      expect(rows[0]).toMatchObject({ keyHash: hashApiKey(platform.key), keyPrefix: platform.key.slice(0, 10) });
      expect(rows[0]?.lastUsedAt).toBeInstanceOf(Date);
      expect(JSON.stringify(rows)).not.toContain(platform.key);
    });

    it("keeps teams apart", async () => {
      const [teamId, key] = [randomUUID(), newApiKey()];
      await db.queries.insert(teams).values({ id: teamId, name: "Other", slug: "aaaaaa-bbbbbb" });
      await storeApiKey(db, teamId, "other", key);
      const { id } = await platform.createCapsule();
      const headers = { "x-api-key": key };
      expect((await platform.request<Capsule[]>("GET", "/v1/capsules", { headers })).body).toEqual([]);
      for (const [method, path, body] of [
        ["GET", "", undefined],
        ["DELETE", "", undefined],
        ["POST", "/exec", '{"cmd":"echo"}'],
        ["GET", "/console", undefined],
        ["POST", "/pause", undefined],
        ["POST", "/resume", undefined],
        ["POST", "/ping", undefined],
        ["POST", "/fork", undefined],
        ["POST", "/checkpoints", undefined],
        ["GET", "/checkpoints", undefined],
        ["DELETE", "/checkpoints/x", undefined],
        ["POST", "/rollback", '{"checkpoint":"x"}'],
        ["GET", "/processes", undefined],
        ["DELETE", "/processes/1", undefined],
        ["POST", "/files/read", '{"path":"x"}'],
        ["POST", "/files/stream/read", '{"path":"x"}'],
        ["POST", "/files/list", '{"path":"x"}'],
        ["POST", "/files/stat", '{"path":"x"}'],
        ["POST", "/files/mkdir", '{"path":"x"}'],
        ["POST", "/files/remove", '{"path":"x"}'],
        ["POST", "/files/move", '{"source":"x","destination":"y"}'],
        ["GET", "/files/download?path=x", undefined],
        ["PUT", "/files/upload?path=x", "{}"],
        ["GET", "/ports", undefined],
      ] as const) {
        expect((await raw(method, `/v1/capsules/${id}${path}`, body, headers)).status, method + path).toBe(404);
      }
      expect((await platform.getCapsule(id)).status).toBe("running");
      await db.queries.delete(apiKeys).where(eq(apiKeys.teamId, teamId));
      expect((await raw("GET", "/v1/capsules", undefined, headers)).status).toBe(401);
      await platform.request("DELETE", `/v1/capsules/${id}`);
    });
  });

  describe("bad input", () => {
    it.each([
      ['{"vcpus":0}', "vcpus must be at least 1"],
      ['{"vcpus":-1}', "vcpus must be at least 1"],
      ['{"vcpus":1000000}', "vcpus must be at most 32"],
      ['{"memory_mb":0}', "memory_mb must be at least 192"],
      ['{"memory_mb":1000000000}', "memory_mb must be at most 262144"],
      ['{"timeout_sec":-1}', "timeout_sec must be at least 0"],
      ['{"template":""}', /^template must be 1 to 64/],
      ['{"template":"../../etc/passwd"}', /^template must be 1 to 64/],
      ["null", "the body must be an object"],
      ["[]", "the body must be an object"],
      ["1", "the body must be an object"],
      ["", "invalid JSON body"],
      ["{", "invalid JSON body"],
      ["\u0000", "invalid JSON body"],
      ["[".repeat(200_000), "invalid JSON body"],
      [`${"[".repeat(100_000)}${"]".repeat(100_000)}`, "the body must be an object"],
      [`{"vcpus":${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}}`, "vcpus must be a number"],
    ])("create with %.60s is refused", async (body, message) => {
      const answer = await raw("POST", "/v1/capsules", body);
      expect(answer.status).toBe(400);
      expect(answer.body.error.code).toBe("invalid_request");
      expect(answer.body.error.message).toMatch(message);
      expect(await platform.listCapsules()).toEqual([]);
    });

    it("a body without a content type, or of another one, is refused", async () => {
      for (const type of [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "???",
      ]) {
        const answer = await raw("POST", "/v1/capsules", "{}", { "content-type": type });
        expect(answer.status, type).toBe(400);
        expect(answer.body.error.message, type).toBe("the content type must be application/json");
      }
      expect((await raw("POST", "/v1/capsules")).body.error.message).toBe("invalid JSON body");
    });

    it("one megabyte of JSON is too large, and the server goes on", async () => {
      const answer = await raw("POST", "/v1/capsules", JSON.stringify({ template: "x".repeat(1_000_000) }));
      expect(answer.status).toBe(413);
      expect(answer.body.error).toEqual({
        code: "too_large",
        message: `the body is larger than ${LIMITS.jsonBodyBytes} bytes`,
      });
      expect((await raw("GET", "/v1/capsules")).status).toBe(200);
    });

    it.each([
      "x",
      "cl-",
      "cl-1",
      `cl-${"z".repeat(25)}`,
      "cl-f5lxx1zz5pnorynqglhzmsp34",
      `cl-${"0".repeat(24)}A`,
      `usr-${"0".repeat(25)}`,
      `cl-${"0".repeat(10_000)}`,
      "%00",
      "..%2f..%2fetc",
      "%F0%9F%90%A6",
    ])("the id %.40s is refused", async (id) => {
      for (const [method, path, body] of [
        ["GET", "", undefined],
        ["DELETE", "", undefined],
        ["POST", "/exec", '{"cmd":"echo"}'],
        ["GET", "/console", undefined],
        ["POST", "/pause", undefined],
        ["POST", "/resume", undefined],
        ["POST", "/ping", undefined],
        ["POST", "/fork", undefined],
        ["POST", "/checkpoints", undefined],
        ["GET", "/checkpoints", undefined],
        ["DELETE", "/checkpoints/x", undefined],
        ["POST", "/rollback", '{"checkpoint":"x"}'],
        ["GET", "/processes", undefined],
        ["DELETE", "/processes/1", undefined],
        ["POST", "/files/read", '{"path":"x"}'],
        ["POST", "/files/stream/read", '{"path":"x"}'],
        ["POST", "/files/list", '{"path":"x"}'],
        ["POST", "/files/stat", '{"path":"x"}'],
        ["POST", "/files/mkdir", '{"path":"x"}'],
        ["POST", "/files/remove", '{"path":"x"}'],
        ["POST", "/files/move", '{"source":"x","destination":"y"}'],
        ["GET", "/files/download?path=x", undefined],
        ["PUT", "/files/upload?path=x", "{}"],
        ["GET", "/ports", undefined],
      ] as const) {
        const answer = await raw(method, `/v1/capsules/${id}${path}`, body);
        expect(answer, method + path).toMatchObject({
          status: 400,
          body: { error: { code: "invalid_request", message: "invalid capsule ID" } },
        });
      }
    });

    it("a path that is not UTF-8 is refused", async () => {
      expect(await raw("GET", "/v1/capsules/%ff")).toMatchObject({
        status: 400,
        body: { error: { code: "invalid_request" } },
      });
    });

    it("exec needs a command", async () => {
      const { id } = await platform.createCapsule();
      const answer = await raw("POST", `/v1/capsules/${id}/exec`, "{}");
      expect(answer).toMatchObject({ status: 400, body: { error: { message: "cmd is required" } } });
      await platform.request("DELETE", `/v1/capsules/${id}`);
    });

    it("DELETE may carry a JSON content type and no body", async () => {
      const { id } = await platform.createCapsule();
      const answer = await raw("DELETE", `/v1/capsules/${id}`, "", { "content-type": "application/json" });
      expect(answer.status).toBe(204);
    });
  });

  it("echoes a harmless request id and replaces another one", async () => {
    const mine = await raw("GET", "/v1/capsules/bad", undefined, { "x-request-id": "my-id.1" });
    expect(mine.headers.get("x-request-id")).toBe("my-id.1");
    const other = await raw("GET", "/nowhere", undefined, { "x-request-id": "a b" });
    expect(other.headers.get("x-request-id")).toMatch(/^req-/);
  });
});
