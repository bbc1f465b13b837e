import { describe, expect, it } from "vitest";
import { FairTurns } from "./fair-turns.ts";

describe("turns", () => {
  /** One at a time, three waiting; `letGo` ends what runs. */
  function lab() {
    const turns = new FairTurns(1, 3, "too many");
    const [began, refused]: string[][] = [[], []];
    const running: (() => void)[] = [];
    const ask = (by: string, what = by) => {
      const work = turns.run(by, async () => {
        began?.push(what);
        await new Promise<void>((end) => running.push(end));
      });
      work.catch(({ code }: { code: string }) => refused?.push(`${what} ${code}`));
    };
    const settle = () => new Promise((done) => setImmediate(done));
    const letGo = async () => {
      running.shift()?.();
      await settle();
    };
    return { ask, letGo, settle, began, refused };
  }

  it("go round, however much one asks", async () => {
    const { ask, letGo, began } = lab();
    for (const what of ["a1", "a2", "a3"]) ask("a", what);
    ask("b");
    for (let i = 0; i < 4; i++) await letGo();
    expect(began).toEqual(["a1", "a2", "b", "a3"]);
  });

  it("are refused to who has the most waiting, not to who comes last", async () => {
    const { ask, letGo, settle, began, refused } = lab();
    for (const what of ["a1", "a2", "a3", "a4", "a5"]) ask("a", what);
    ask("b");
    ask("c");
    await settle();
    expect(refused).toEqual(["a5 rate_limited", "a4 rate_limited", "a3 rate_limited"]);
    for (let i = 0; i < 4; i++) await letGo();
    expect(began).toEqual(["a1", "a2", "b", "c"]);
  });

  it("go on after work that failed", async () => {
    const turns = new FairTurns(1, 3, "too many");
    await expect(turns.run("a", () => Promise.reject(new Error("failed")))).rejects.toThrow("failed");
    expect(await turns.run("a", async () => "done")).toBe("done");
  });
});
