import { describe, expect, it } from "vitest";
import { checkPassword, hashPassword } from "./passwords.ts";

describe("passwords", () => {
  it("are stored as argon2id with a salt of their own", async () => {
    const hashes = await Promise.all([hashPassword("correct horse"), hashPassword("correct horse")]);
    for (const hash of hashes) expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(hashes[0]).not.toBe(hashes[1]);
  });

  it("are right or wrong, and never right for nobody", async () => {
    const hash = await hashPassword("correct horse");
    expect(await checkPassword(hash, "correct horse")).toBe(true);
    expect(await checkPassword(hash, "correct horse ")).toBe(false);
    expect(await checkPassword(undefined, "correct horse")).toBe(false);
    expect(await checkPassword(null, "")).toBe(false);
  });

  it("do not queue up without end", async () => {
    const results = await Promise.allSettled(Array.from({ length: 100 }, () => hashPassword("correct horse")));
    const refused = results.filter(({ status }) => status === "rejected");
    expect(refused.length).toBe(100 - 66);
    for (const one of refused) expect(one).toMatchObject({ reason: { code: "rate_limited" } });
    await expect(hashPassword("correct horse")).resolves.toBeDefined();
  });
});
