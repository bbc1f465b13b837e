import { expect, it } from "vitest";
import { resolveUserPath } from "./paths.ts";

it.each([
  ["/a/../b", "/b"],
  ["a/b", "/home/u/a/b"],
  ["~", "/home/u"],
  ["~/x", "/home/u/x"],
  ["~x", "/home/u/~x"],
])("%s is %s", (path, expected) => {
  expect(resolveUserPath(path, "/home/u")).toBe(expected);
});

it.each(["", "a\0b"])("refuses %j", (path) => {
  expect(() => resolveUserPath(path, "/")).toThrow(expect.objectContaining({ code: "invalid_request" }));
});
