import { rename, rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeAuthority } from "./hosts/authority.ts";
import { TestPlatform } from "./testing/platform.ts";
import { ENGINES } from "./testing/postgres.ts";

const FIRST = { session: "a".repeat(32), encryption: "1".repeat(64) };
const OTHER = { session: "b".repeat(32), encryption: "2".repeat(64) };

describe.each(ENGINES)("control planes of one database on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine, { secrets: FIRST });
    await platform.stopControlPlane();
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  const start = async (changes: Parameters<TestPlatform["startControlPlane"]>[0]) => {
    await platform.startControlPlane(changes);
    await platform.stopControlPlane();
  };
  const refusal = (name: RegExp) => ({ code: "config_invalid", message: expect.stringMatching(name) });

  it("have the same secrets", async () => {
    await start({ secrets: FIRST });
    await expect(start({ secrets: { ...FIRST, session: OTHER.session } })).rejects.toMatchObject(
      refusal(/^JWT_SECRET is/),
    );
    await expect(start({ secrets: OTHER })).rejects.toMatchObject(refusal(/^JWT_SECRET, WRENN_ENCRYPTION_KEY are/));
    // Nothing was changed by those that were refused.
    await start({ secrets: FIRST });
  });

  it("may have another key to encrypt with once they have it beside the present one", async () => {
    const [old, next] = [FIRST.encryption, OTHER.encryption];
    const withKeys = (encryption: string) => ({ secrets: { ...FIRST, encryption } });
    await start(withKeys(`${old},${next}`));
    await start(withKeys(`${next},${old}`));
    await start(withKeys(next));
    await expect(start(withKeys(old))).rejects.toMatchObject(refusal(/^WRENN_ENCRYPTION_KEY is/));
    await start(withKeys(`${old},${next}`));
  });

  it("have the same authority, once there is one", async () => {
    await start({ secrets: FIRST });
    const authority = await makeAuthority();
    await expect(start({ secrets: FIRST, authority })).rejects.toMatchObject(refusal(/^WRENN_CA_CERT is/));
    const { authorityFile } = platform.server.layout;
    await rename(authorityFile, `${authorityFile}.lost`);
    await expect(start({ secrets: FIRST })).rejects.toMatchObject(refusal(/^WRENN_CA_CERT is.*authority.json/));
    await rename(`${authorityFile}.lost`, authorityFile);
    await start({ secrets: FIRST });
  });

  it("have others when that is wanted", async () => {
    await start({ secrets: OTHER, newSecrets: true });
    await start({ secrets: OTHER });
    await expect(start({ secrets: FIRST })).rejects.toMatchObject(refusal(/^JWT_SECRET/));
  });

  it("do not make secrets of their own when theirs were lost", async () => {
    await start({ newSecrets: true });
    await start({});
    await rm(platform.server.layout.secretsFile);
    await expect(start({})).rejects.toMatchObject(refusal(/secrets.json/));
  });
});
