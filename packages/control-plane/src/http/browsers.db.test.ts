import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestPlatform } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";

const APP = "https://app.example.com";

describe.each(ENGINES)("what browsers and load balancers are told, on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
  });
  afterAll(() => platform[Symbol.asyncDispose]());

  const restart = async (corsOrigins: string[]) => {
    await platform.stopControlPlane();
    await platform.startControlPlane({ corsOrigins });
  };
  const preflight = (origin: string) =>
    platform.request("OPTIONS", "/v1/capsules", { headers: { origin, "access-control-request-method": "POST" } });

  it("lets pages of no other origin ask, unless it is configured", async () => {
    const { headers } = await platform.request("GET", "/v1/capsules", { headers: { origin: APP } });
    expect(headers.get("access-control-allow-origin")).toBeNull();
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("x-frame-options")).toBe("SAMEORIGIN");
    await restart([APP]);
    const asked = await platform.request("GET", "/v1/capsules", { headers: { origin: APP } });
    expect(asked.headers.get("access-control-allow-origin")).toBe(APP);
    expect(asked.headers.get("access-control-expose-headers")).toContain("x-request-id");
    expect((await preflight(APP)).headers.get("access-control-allow-methods")).toContain("DELETE");
    expect((await preflight("https://evil.example.com")).headers.get("access-control-allow-origin")).not.toBe(
      "https://evil.example.com",
    );
  });

  it("keep nothing of what is somebody's own, and are held to https only where that is how the platform is reached", async () => {
    const { headers } = await platform.request("GET", "/v1/me");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("strict-transport-security")).toBeNull();
    await platform.stopControlPlane();
    await platform.startControlPlane({ accounts: { publicUrl: "https://wrenn.example.com" } });
    const secure = await platform.request("GET", "/health");
    expect(secure.headers.get("strict-transport-security")).toMatch(/^max-age=\d{8,}$/);
    expect(secure.headers.get("cache-control")).toBeNull();
  });

  it("is ready while the database answers, and alive without", async () => {
    expect((await platform.request("GET", "/ready")).status).toBe(200);
    await platform.server.postgres.close();
    expect(await platform.request("GET", "/ready")).toMatchObject({
      status: 503,
      body: { error: { code: "database_unavailable" } },
    });
    expect((await platform.request("GET", "/health")).status).toBe(200);
  });
});
