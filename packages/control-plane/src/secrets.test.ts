import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readSecrets, sessionProblem } from "./secrets.ts";

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

  it("are of another control plane, as variables that are made of its file", async () => {
    const made = await readSecrets(NOTHING, file);
    const kept = JSON.parse(await readFile(file, "utf8")) as { session: string; encryption: string };
    const given = { session: `hex:${kept.session}`, encryption: kept.encryption };
    expect(await readSecrets(given, join(folder, "none"))).toEqual(made);
    expect(await readSecrets({ ...NOTHING, session: given.session }, file)).toEqual(made);
  });

  it("are text where it is not said that they are hex", async () => {
    const { session } = await readSecrets({ ...NOTHING, session: NEW }, file);
    expect(session).toEqual(Buffer.from(NEW));
  });

  it.each([`hex:${"a".repeat(62)}`, `hex:${"a".repeat(65)}`, `hex:${"g".repeat(64)}`, "short"])(
    "are not %s",
    (session) => expect(sessionProblem(session)).toContain("JWT_SECRET"),
  );
  it.each([`hex:${NEW}`, `hex:${NEW}AB`, NEW, "x".repeat(32)])("may be %s", (session) =>
    expect(sessionProblem(session)).toBeUndefined(),
  );
});
