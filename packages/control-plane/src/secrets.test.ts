import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readSecrets } from "./secrets.ts";

const NOTHING = { session: undefined, encryption: undefined };
const [NEW, OLD] = ["a".repeat(64), "b".repeat(64)];

describe("secrets", () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "wrenn-secrets-"));
    file = join(folder, "secrets");
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("are made once, for root only, and kept", async () => {
    const made = await readSecrets(NOTHING, file);
    expect(await readSecrets(NOTHING, file)).toEqual(made);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(made.encryption).toHaveLength(32);
    expect(made.retiredEncryption).toEqual([]);
  });

  it("are those that are given, the first key to encrypt with and the others to read with", async () => {
    const { encryption, retiredEncryption } = await readSecrets({ ...NOTHING, encryption: `${NEW},${OLD}` }, file);
    expect(encryption).toEqual(Buffer.from(NEW, "hex"));
    expect(retiredEncryption).toEqual([Buffer.from(OLD, "hex")]);
  });
});
