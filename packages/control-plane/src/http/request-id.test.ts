import { describe, expect, it } from "vitest";
import { requestId } from "./request-id.ts";

describe("requestId", () => {
  it("keeps the client's", () => expect(requestId("trace.1_A-b")).toBe("trace.1_A-b"));

  it.each([undefined, "", "a b", "a\n", "é", "x".repeat(129), ["a", "b"]])("makes one instead of %j", (header) => {
    expect(requestId(header)).toMatch(/^req-[0-9a-z]{25}$/);
  });
});
