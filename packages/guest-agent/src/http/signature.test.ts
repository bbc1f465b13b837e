import { describe, expect, it } from "vitest";
import { checkSignature, signature } from "./signature.ts";

const TOKEN = "0123456789abcdef";
const NOW = 1_800_000_000_000;

describe("the signature of a file's URL", () => {
  it("is the one that clients of envd make", () => {
    // printf %s '/home/user/a b.txt:read:user:0123456789abcdef:1800000060' | openssl dgst -sha256 -binary | base64
    const made = signature("/home/user/a b.txt", "read", "user", TOKEN, "1800000060");
    expect(made).toBe("v1_mZPJ3NZ94BL3YTfi1j6/tIbVkM3OvjZojfVC3CU3ZC4");
    expect(signature("f", "write", "", TOKEN)).toMatch(/^v1_[A-Za-z0-9+/]{43}$/);
  });

  const query = (path: string, user?: string, expiration?: string) => {
    const parameters = new URLSearchParams({ path });
    if (user !== undefined) parameters.set("username", user);
    if (expiration !== undefined) parameters.set("signature_expiration", expiration);
    parameters.set("signature", signature(path, "read", user ?? "", TOKEN, expiration));
    return parameters;
  };
  const check = (parameters: URLSearchParams, operation: "read" | "write" = "read") =>
    checkSignature(parameters.toString(), operation, TOKEN, NOW);

  it.each([
    ["with a user", query("/ä+b&c", "user")],
    ["without one", query("relative")],
    ["until it expires", query("/x", "user", String(NOW / 1000))],
  ])("is good %s", (_what, parameters) => {
    expect(() => check(parameters)).not.toThrow();
  });

  it.each([
    ["another path", "path", "/y"],
    ["another user", "username", "root"],
    ["a later end", "signature_expiration", "1900000000"],
    ["half a signature", "signature", "v1_"],
    ["none", "signature", ""],
  ])("is no good for %s", (_what, name, value) => {
    const parameters = query("/x", "user", "1800000060");
    parameters.set(name, value);
    expect(() => check(parameters)).toThrow(
      expect.objectContaining({ code: "unauthorized", message: "invalid signature" }),
    );
  });

  it("lets nobody write who may read", () => {
    expect(() => check(query("/x"), "write")).toThrow("invalid signature");
  });

  it.each(["1799999999", "-1", "1e99", "soon", ""])("ends, at %j too", (expiration) => {
    expect(() => check(query("/x", "user", expiration))).toThrow("signature is already expired");
  });
});
