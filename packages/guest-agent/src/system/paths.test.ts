import { expect, it } from "vitest";
import { fuzz } from "../testing/fuzz.ts";
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

it.each(["", "a\0b", "x".repeat(4096), "ä".repeat(2048)])("refuses %j", (path) => {
  expect(() => resolveUserPath(path, "/")).toThrow(expect.objectContaining({ code: "invalid_request" }));
});

it("takes a path of 4095 bytes", () => {
  const path = `/${"x".repeat(4094)}`;
  expect(resolveUserPath(path, "/")).toBe(path);
});

it(
  "makes an absolute path without steps back of any text, or refuses it",
  fuzz(1000, (random) => {
    const path = random.join(["/", "..", ".", "~", "a", "\0", "\ud800", "ä", "\\", " "], 12);
    try {
      const resolved = resolveUserPath(path, "/home/u");
      expect(resolved.startsWith("/")).toBe(true);
      expect(resolved.split("/")).not.toContain("..");
    } catch (error) {
      expect(error).toMatchObject({ code: "invalid_request" });
    }
  }),
);
