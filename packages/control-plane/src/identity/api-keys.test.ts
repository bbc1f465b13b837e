import { describe, expect, it } from "vitest";
import { hashApiKey, isApiKey, newApiKey } from "./api-keys.ts";

describe("API keys", () => {
  it("are wrn_ and 32 hex digits, each another", () => {
    const [a, b] = [newApiKey(), newApiKey()];
    expect(a).toMatch(/^wrn_[0-9a-f]{32}$/);
    expect(isApiKey(a)).toBe(true);
    expect(a).not.toBe(b);
  });

  it("are stored as SHA-256", () => {
    expect(hashApiKey("wrn_0")).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each(["", "wrn_", "WRN_0123456789abcdef0123456789abcdef", "wrn_0123456789ABCDEF0123456789abcdef"])(
    "are not %j",
    (text) => expect(isApiKey(text)).toBe(false),
  );
});
