import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { NOBODY, SlotClaims } from "./claims.ts";

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

const slotsOf = (list: { slot: number }[]) => list.map((claim) => claim.slot).toSorted((a, b) => a - b);

it("never gives a slot to two instances, also when they ask at once", async () => {
  const all = await Promise.all(Array.from({ length: 20 }, (_, i) => claims(i % 2 ? "a" : "b").claim()));
  expect(new Set(all).size).toBe(20);
  await expect(claims("a").claim()).rejects.toMatchObject({
    code: "no_free_slot",
    message: expect.stringContaining("1 to 20"),
  });
  await claims("a").release(7);
  expect(await claims("b").claim()).toBe(7);
  expect((await readdir(join(dir, "slots"))).filter((name) => name.startsWith("."))).toEqual([]);
});

it("knows for whom a slot is held, and that it is not another's", async () => {
  const slot = await claims("a").claim();
  expect(await claims("a").holds(slot, NOBODY)).toBe(true);
  await claims("a").assign(slot, "cl-1");
  expect(await claims("a").holds(slot, "cl-1")).toBe(true);
  expect(await claims("a").holds(slot, "cl-2")).toBe(false);
  expect(await claims("b").holds(slot, "cl-1")).toBe(false);
  await claims("a").release(slot);
  expect(await claims("a").holds(slot, "cl-1")).toBe(false);
});

it("tells an instance's own slots from those of others and of instances that are gone", async () => {
  const slots = [await claims("a").claim(), await claims("b").claim(), await claims("a").claim()];
  expect(slotsOf(await claims("a").own())).toEqual([slots[0], slots[2]]);
  expect(await claims("a").abandoned()).toEqual([]);
  await rm(join(dir, "b"), { recursive: true });
  expect(slotsOf(await claims("a").abandoned())).toEqual([slots[1]]);
});
