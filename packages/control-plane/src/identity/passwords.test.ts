import { hash } from "@node-rs/argon2";
import { describe, expect, it } from "vitest";
import { checkPassword, hashPassword } from "./passwords.ts";

describe("passwords", () => {
  it("are stored as argon2id with a salt of their own", async () => {
    const hashes = await Promise.all([hashPassword("correct horse"), hashPassword("correct horse")]);
    for (const made of hashes) expect(made).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(hashes[0]).not.toBe(hashes[1]);
  });

  it("are right or wrong, and never right for nobody", async () => {
    const stored = await hashPassword("correct horse");
    expect(await checkPassword(stored, "correct horse")).toBe(true);
    expect(await checkPassword(stored, "correct horse ")).toBe(false);
    expect(await checkPassword(undefined, "correct horse")).toBe(false);
    expect(await checkPassword(null, "")).toBe(false);
  });

  it("are the same however a keyboard composes their letters, also those that were stored as they were typed", async () => {
    const [composed, decomposed] = ["caf\u00e9 cr\u00e8me", "cafe\u0301 cre\u0300me"];
    const [ours, older] = await Promise.all([hashPassword(composed), hash(decomposed)]);
    expect(await checkPassword(ours, decomposed)).toBe(true);
    expect(await checkPassword(older, decomposed)).toBe(true);
    expect(await checkPassword(ours, "cafe creme")).toBe(false);
  });

  it("do not queue up without end", async () => {
    const results = await Promise.allSettled(Array.from({ length: 100 }, () => hashPassword("correct horse")));
    const refused = results.filter(({ status }) => status === "rejected");
    expect(refused.length).toBe(100 - 66);
    for (const one of refused) expect(one).toMatchObject({ reason: { code: "rate_limited" } });
    const flood = Array.from({ length: 100 }, () => hashPassword("correct horse", "many"));
    const other = hashPassword("correct horse", "somebody else");
    await Promise.allSettled(flood);
    await expect(other).resolves.toBeDefined();
    await expect(hashPassword("correct horse")).resolves.toBeDefined();
  });
});
