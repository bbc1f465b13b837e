import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { SharedReads } from "./shared-reads.ts";

/** Queries that end when the test says so, in the order in which they were sent. */
function slowQueries() {
  const sent: { readonly answer: (value: string) => void; readonly fail: (error: Error) => void }[] = [];
  const query = () => new Promise<string>((answer, fail) => sent.push({ answer, fail }));
  return { sent, query };
}

describe("SharedReads", () => {
  it("gives nobody what was asked for before they came, and asks once for all who wait", async () => {
    const reads = new SharedReads<string>();
    const { sent, query } = slowQueries();
    const first = [reads.read("list", query), reads.read("list", query)];
    await turn();
    expect(sent).toHaveLength(1);
    const second = reads.read("list", query);
    await turn();
    expect(sent).toHaveLength(2);
    const later = [reads.read("list", query), reads.read("list", query)];
    await turn();
    expect(sent).toHaveLength(2);
    sent[1]?.answer("second");
    expect(await second).toBe("second");
    await turn();
    expect(sent).toHaveLength(3);
    sent[2]?.answer("third");
    expect(await Promise.all(later)).toEqual(["third", "third"]);
    sent[0]?.answer("first");
    expect(await Promise.all(first)).toEqual(["first", "first"]);
  });

  it("does not let what fails once fail the next", async () => {
    const reads = new SharedReads<string>();
    const { sent, query } = slowQueries();
    const first = reads.read("list", query);
    await turn();
    const second = reads.read("list", query);
    await turn();
    sent[0]?.fail(new Error("away"));
    await expect(first).rejects.toThrow("away");
    sent[1]?.answer("back");
    expect(await second).toBe("back");
  });

  it("keeps apart what is not the same, and asks anew when nobody waits", async () => {
    const reads = new SharedReads<number>();
    let asked = 0;
    const query = async () => ++asked;
    expect(await Promise.all([reads.read("a", query), reads.read("b", query)])).toEqual([1, 2]);
    expect(await reads.read("a", query)).toBe(3);
  });
});
