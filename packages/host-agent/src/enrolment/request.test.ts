import { execFileSync } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { describe, expect, it } from "vitest";
import { newCertificateRequest } from "./request.ts";

describe("a certificate request", () => {
  const openssl = (args: string[], input: string) =>
    execFileSync("openssl", args, { input, encoding: "utf8", stdio: "pipe" });

  it("is one that other programs read and find to be signed with its key", () => {
    const { csrPem, keyPem } = newCertificateRequest();
    const text = openssl(["req", "-noout", "-text", "-verify"], csrPem);
    expect(text).toMatch(/NIST CURVE: P-256/);
    expect(text).toMatch(/Signature Algorithm: ecdsa-with-SHA256/);
    expect(openssl(["req", "-noout", "-pubkey"], csrPem)).toBe(openssl(["pkey", "-pubout"], keyPem));
    expect(csrPem).not.toContain("PRIVATE");
  });

  it("is of another key each time", () => {
    const keys = [newCertificateRequest(), newCertificateRequest()].map(({ keyPem }) => createPrivateKey(keyPem));
    expect(keys[0]?.equals(keys[1] as never)).toBe(false);
  });
});
