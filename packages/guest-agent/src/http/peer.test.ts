import { expect, it } from "vitest";
import { isFrom } from "./peer.ts";

it.each([
  ["169.254.0.22", true],
  ["::ffff:169.254.0.22", true],
  ["169.254.0.21", false],
  ["169.254.0.2", false],
  ["::169.254.0.22", false],
  [undefined, false],
])("%s is the gateway or not", (remoteAddress, expected) => {
  expect(isFrom(remoteAddress, "169.254.0.22")).toBe(expected);
});
