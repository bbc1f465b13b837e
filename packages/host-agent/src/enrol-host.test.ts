import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { enrolArguments, hostFacts } from "./enrol-host.ts";

describe("enrolArguments", () => {
  it("asks for nothing unless there is a token", () => {
    expect(enrolArguments({ WRENN_REGISTER_TOKEN: "", WRENN_HOST_ADDRESS: "h:1" })).toBeUndefined();
    expect(enrolArguments({})).toBeUndefined();
  });

  it("needs to know where the host is reached", () => {
    const token = "t";
    expect(enrolArguments({ WRENN_REGISTER_TOKEN: token, WRENN_HOST_ADDRESS: "h:1" })).toEqual({
      token,
      address: "h:1",
    });
    expect(() => enrolArguments({ WRENN_REGISTER_TOKEN: token })).toThrow(/--address .* must say/);
  });
});

describe("hostFacts", () => {
  it("names the architecture as the system does", async () => {
    expect((await hostFacts(tmpdir())).arch).toMatch(/^(x86_64|aarch64)$/);
  });
});
