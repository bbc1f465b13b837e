import { describe, expect, it } from "vitest";
import { fuzz } from "../testing/fuzz.ts";
import { metadataOf } from "./metadata.ts";

const invalid = expect.objectContaining({ code: "invalid_request" });

describe("metadataOf", () => {
  it("takes keys in lower case and the first of two values", () => {
    const rawHeaders = [
      "Host",
      "x",
      "X-Metadata-Origin",
      "Unit Test",
      "x-metadata-origin",
      "second",
      "X-METADATA-a",
      "",
    ];
    expect(metadataOf({ rawHeaders })).toEqual({ origin: "Unit Test", a: "" });
  });

  it.each([
    ["an empty key", ["X-Metadata-", "x"]],
    ["a key of 247 characters", [`X-Metadata-${"k".repeat(247)}`, "x"]],
    ["a value that is not ASCII", ["X-Metadata-a", "ä"]],
    ["a value with a tab", ["X-Metadata-a", "a\tb"]],
    ["more than 4096 bytes", ["X-Metadata-a", "v".repeat(2000), "X-Metadata-b", "v".repeat(2080)]],
  ])("refuses %s", (_what, rawHeaders) => {
    expect(() => metadataOf({ rawHeaders })).toThrow(invalid);
  });

  it("accepts all that fits", () => {
    const key = "k".repeat(246);
    expect(metadataOf({ rawHeaders: [`X-Metadata-${key}`, "v".repeat(4096 - 255)] })).toHaveProperty(key);
  });

  it(
    "takes or refuses any headers",
    fuzz(1000, (random) => {
      const rawHeaders = Array.from({ length: random.below(8) }, () =>
        random.join(["x-metadata-", "X-Metadata-", "__proto__", "a", "\x7f", " ", "é", "v".repeat(900)], 5),
      );
      try {
        for (const value of Object.values(metadataOf({ rawHeaders }))) expect(value).toMatch(/^[\x20-\x7e]*$/);
      } catch (error) {
        expect(error).toEqual(invalid);
      }
    }),
  );
});
