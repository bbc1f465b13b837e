import { describe, expect, it } from "vitest";
import { parseSignal } from "./signals.ts";

describe("a signal", () => {
  it.each([
    ["SIGTERM", 15],
    ["term", 15],
    ["Kill", 9],
    ["2", 2],
    [64, 64],
  ])("%s is number %i", (text, number) => expect(parseSignal(text)).toBe(number));

  it.each([
    "",
    "0",
    "65",
    "-1",
    "1.5",
    "1e1",
    "SIG",
    "SIGNOTHING",
    "TERM ",
    "__proto__",
    "constructor",
    "x".repeat(9999),
  ])("%.20s does not exist", (text) =>
    expect(() => parseSignal(text)).toThrow(expect.objectContaining({ code: "invalid_request" })),
  );
});
