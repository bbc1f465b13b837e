import { readFile, rm } from "node:fs/promises";
import { idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import type { ApiKey } from "@wrenn/protocol/rest/api-keys";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { as } from "../testing/as.ts";
import { TestPlatform } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";

describe.each(ENGINES)("the key of the file on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  it("stays revoked when the control plane starts anew, and makes room for a new one without the file", async () => {
    const use = async (key: string) =>
      (await platform.request("GET", "/v1/capsules", { headers: { "x-api-key": key } })).status;
    const restart = async () => {
      await platform.stopControlPlane();
      await platform.startControlPlane();
    };
    const owner = await platform.signIn({ teamId: idToUuid(PLATFORM_TEAM) });
    await restart();
    expect(await use(platform.key)).toBe(200);
    const { body: keys } = await as<ApiKey[]>(platform, owner, "GET", "/v1/api-keys");
    expect(keys.map(({ name }) => name)).toEqual(["local"]);
    expect((await as(platform, owner, "DELETE", `/v1/api-keys/${keys[0]?.id}`)).status).toBe(204);
    expect(await use(platform.key)).toBe(401);
    await restart();
    expect(await use(platform.key)).toBe(401);
    const { apiKeyFile } = platform.server.layout;
    await rm(apiKeyFile);
    await restart();
    expect(await use(platform.key)).toBe(401);
    expect(await use((await readFile(apiKeyFile, "utf8")).trim())).toBe(200);
  });
});
