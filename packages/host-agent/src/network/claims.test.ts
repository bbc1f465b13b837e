import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SlotClaims } from "./claims.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "claims-"));
  await mkdir(join(dir, "a"));
  await mkdir(join(dir, "b"));
});
afterEach(() => rm(dir, { recursive: true }));

function claims(owner: string) {
  return new SlotClaims(join(dir, "slots"), join(dir, owner), { first: 1, last: 20 });
}

it("never gives a slot to two instances, also when they ask at once", async () => {
  const all = await Promise.all(Array.from({ length: 20 }, (_, i) => claims(i % 2 ? "a" : "b").claim()));
  expect(new Set(all).size).toBe(20);
  await expect(claims("a").claim()).rejects.toMatchObject({
    code: "no_free_slot",
    message: expect.stringContaining("1 to 20"),
  });
  await claims("a").release(7);
  expect(await claims("b").claim()).toBe(7);
});

it("shows an instance its own slots and those of instances that are gone", async () => {
  const slots = [await claims("a").claim(), await claims("b").claim(), await claims("a").claim()];
  expect((await claims("a").owned()).toSorted((a, b) => a - b)).toEqual([slots[0], slots[2]]);
  await rm(join(dir, "b"), { recursive: true });
  expect((await claims("a").owned()).toSorted((a, b) => a - b)).toEqual(slots);
});
