import { describe, expect, it } from "vitest";
import { Operations } from "./operations.ts";

describe("Operations", () => {
  it("knows a capsule from before its work begins until all of it has ended", async () => {
    const operations = new Operations();
    const gate = Promise.withResolvers<void>();
    let seenInside = false;
    const first = operations.run("a", async () => {
      seenInside = operations.has("a");
      await gate.promise;
    });
    const second = operations.run("a", () => Promise.reject(new Error("failed")));
    await expect(second).rejects.toThrow("failed");
    expect(seenInside).toBe(true);
    expect(operations.has("a")).toBe(true);
    gate.resolve();
    await first;
    expect(operations.has("a")).toBe(false);
  });

  it("knows each of several ids that one work is on", async () => {
    const operations = new Operations();
    const gate = Promise.withResolvers<void>();
    const work = operations.run(["a", "b"], () => gate.promise);
    expect(["a", "b", "c"].map((id) => operations.has(id))).toEqual([true, true, false]);
    gate.resolve();
    await work;
    expect(["a", "b"].map((id) => operations.has(id))).toEqual([false, false]);
  });

  it("drains work that fails too", async () => {
    const operations = new Operations();
    const gate = Promise.withResolvers<void>();
    const work = operations.run("a", () => gate.promise);
    const drained = operations.drain();
    gate.reject(new Error("failed"));
    await expect(work).rejects.toThrow("failed");
    await expect(drained).resolves.toBeUndefined();
  });
});
