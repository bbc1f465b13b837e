import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { App } from "../api/route.ts";
import { buildRoutesOnly } from "../testing/routes-only.ts";

describe("rate limits", () => {
  let app: App;

  beforeAll(async () => {
    app = await buildRoutesOnly({ perKeyPerSecond: 2, signupPerMinute: 3 });
  });
  afterAll(() => app.close());

  it("hold for each API key", async () => {
    const digits = (digit: string) => digit.repeat(32);
    const get = (key?: string) =>
      app.inject({ url: "/health", headers: key === undefined ? {} : { "x-api-key": key } });
    // Both forms are one key.
    const forms = [`wrn_${digits("a")}`, `e2b_${digits("a")}`];
    // More than two in a second, on however slow a box.
    const statuses: number[] = [];
    for (let i = 0; i < 200 && statuses.at(-1) !== 429; i++) statuses.push((await get(forms[i % 2])).statusCode);
    expect(statuses.slice(0, 2)).toEqual([200, 200]);
    expect(statuses).toContain(429);
    expect((await get(`wrn_${digits("b")}`)).statusCode).toBe(200);
    for (let i = 0; i < 5; i++) expect((await get()).statusCode).toBe(200);
  });

  it("hold for each source address, whatever its requests are", async () => {
    const signUp = (remoteAddress: string) =>
      app.inject({ method: "POST", url: "/v1/auth/signup", payload: {}, remoteAddress });
    for (let i = 0; i < 3; i++) expect((await signUp("192.0.2.1")).statusCode).toBe(400);
    const refused = await signUp("192.0.2.1");
    expect(refused.statusCode).toBe(429);
    expect(refused.json()).toEqual({ error: { code: "rate_limited", message: "too many requests" } });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect(Number(refused.headers["retry-after"])).toBeLessThanOrEqual(60);
    expect((await signUp("192.0.2.2")).statusCode).toBe(400);
  });

  it("know a client behind a trusted proxy, and nobody who only says so", async () => {
    await using behind = await buildRoutesOnly({ signupPerMinute: 1 }, ["10.0.0.0/8"]);
    const signUp = async (remoteAddress: string, client: string) => {
      const headers = { "x-forwarded-for": client };
      return (await behind.inject({ method: "POST", url: "/v1/auth/signup", payload: {}, remoteAddress, headers }))
        .statusCode;
    };
    expect(await signUp("10.0.0.1", "192.0.2.1")).toBe(400);
    expect(await signUp("10.0.0.1", "192.0.2.2")).toBe(400);
    expect(await signUp("10.0.0.2", "192.0.2.1")).toBe(429);
    expect(await signUp("10.0.0.1", "198.51.100.1, 192.0.2.1")).toBe(429);
    expect(await signUp("203.0.113.1", "198.51.100.2")).toBe(400);
    expect(await signUp("203.0.113.1", "198.51.100.3")).toBe(429);
  });
});
