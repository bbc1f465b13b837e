import { describe, expect, it } from "vitest";
import { withCleanup, withUndo } from "./undo.ts";

describe("withUndo", () => {
  it("takes back what was acquired, newest first, and keeps the first error", async () => {
    const order: string[] = [];
    const failing = withUndo(
      async (undo) => {
        undo.add("a", () => void order.push("a"));
        undo.add("b", () => void order.push("b"));
        throw new Error("step c");
      },
      () => expect.unreachable(),
    );
    await expect(failing).rejects.toThrow("step c");
    expect(order).toEqual(["b", "a"]);
  });

  it("goes on after a release that fails and names it", async () => {
    const order: string[] = [];
    let failures: string[] = [];
    const failing = withUndo(
      async (undo) => {
        undo.add("a", () => void order.push("a"));
        undo.add("b", () => Promise.reject(new Error("stuck")));
        throw new Error("step c");
      },
      (failed) => {
        failures = failed.map((failure) => failure.name);
      },
    );
    await expect(failing).rejects.toThrow("step c");
    expect(order).toEqual(["a"]);
    expect(failures).toEqual(["b"]);
  });

  it("keeps everything on success", async () => {
    const result = await withUndo(
      async (undo) => {
        undo.add("a", () => expect.unreachable());
        return 7;
      },
      () => expect.unreachable(),
    );
    expect(result).toBe(7);
  });
});

it("withCleanup releases on success too", async () => {
  const order: string[] = [];
  const result = await withCleanup(
    async (undo) => {
      undo.add("a", () => void order.push("a"));
      return 7;
    },
    () => expect.unreachable(),
  );
  expect(result).toBe(7);
  expect(order).toEqual(["a"]);
});
