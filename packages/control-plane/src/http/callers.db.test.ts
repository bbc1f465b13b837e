import type { ErrorMessage } from "@wrenn/protocol/rest/streams";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newApiKey } from "../identity/api-keys.ts";
import { NO_LIMITS, TestPlatform } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { StreamClient } from "../testing/stream-client.ts";
import { until } from "../testing/until.ts";

const ATTEMPTS = 200;

describe.each(ENGINES)("callers that ask too much, on PostgreSQL $name,", (engine) => {
  let platform: TestPlatform;
  let stream: string;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine, { accounts: { rateLimits: { ...NO_LIMITS, perKeyPerSecond: 2 } } });
    stream = `${platform.url}/v1/capsules/cl-0000000000000000000000001/exec/stream`;
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  it("are sessions, too, each for itself", async () => {
    const [busy, other] = [await platform.signIn(), await platform.signIn()];
    const get = async (headers: { authorization: string }) =>
      (await platform.request("GET", "/v1/me", { headers })).status;
    let status = 0;
    for (let i = 0; i < ATTEMPTS && status !== 429; i++) status = await get(busy.headers);
    expect(status).toBe(429);
    expect(await get(other.headers)).toBe(200);
  });

  it("are keys in messages of streams, too", async () => {
    const key = newApiKey();
    const codes: string[] = [];
    for (let i = 0; i < ATTEMPTS && codes.at(-1) !== "rate_limited"; i++) {
      const client = new StreamClient<ErrorMessage>(stream);
      await client.send({ type: "auth", api_key: key });
      codes.push((await client.next("error")).code);
      await client.end();
    }
    expect(codes[0]).toBe("unauthorized");
    expect(codes.at(-1)).toBe("rate_limited");
  });

  it("are those who open streams and do not say who they are", async () => {
    const clients = Array.from({ length: 110 }, () => new StreamClient<ErrorMessage>(stream));
    const refused = () => clients.filter(({ messages }) => messages.some(({ code }) => code === "rate_limited"));
    await until(() => refused().length > 0);
    // Who has a key is served all the same.
    const known = new StreamClient<ErrorMessage>(stream, platform.key);
    await known.send({ type: "start", cmd: "true" });
    expect((await known.next("error")).code).toBe("not_found");
    for (const client of clients) client.close();
  });
});
