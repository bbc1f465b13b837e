/** However often a capsule is saved, its disk stays a short chain. */
import { readdir } from "node:fs/promises";
import { waitFor } from "@wrenn/runtime/wait";
import type { Platform } from "@wrenn/testkit/platform";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ownPlatform, sh } from "./shared.ts";

let platform: Platform;
beforeAll(async () => {
  platform = await ownPlatform({ WRENN_MAX_DISK_LAYERS: "3" });
  await platform.up();
});
afterAll(() => platform.close());

it("keeps the disk of a running capsule short while snapshots are taken of it, and loses no write of either", async () => {
  const api = await platform.api();
  const { id } = await api.create({});
  const layers = async () =>
    (await readdir(`${platform.layout.machines}/${id}`)).filter((name) => name.startsWith("disk-"));
  const rounds = 9;
  for (let round = 1; round <= rounds; round++) {
    await sh(
      api,
      id,
      `echo ${round} > /root/round; head -c 300000 /dev/urandom > /root/blob-${round}; md5sum /root/blob-* > /root/sums`,
    );
    await api.createSnapshot({ sandbox_id: id, name: `round-${round}` });
  }
  expect(await waitFor(async () => (await layers()).length <= 3, { timeoutMs: 30_000, intervalMs: 100 })).toBe(true);
  const check = "cat /root/round; md5sum --check --quiet /root/sums";
  expect(await sh(api, id, check)).toBe(`${rounds}`);
  await api.pause(id);
  await api.resume(id);
  expect(await sh(api, id, `echo 3 > /proc/sys/vm/drop_caches; ${check}`)).toBe(`${rounds}`);
  for (const round of [1, 4, rounds]) {
    const copy = await api.create({ template: `round-${round}` });
    expect(await sh(api, copy.id, `echo 3 > /proc/sys/vm/drop_caches; ${check}`)).toBe(`${round}`);
    await api.destroy(copy.id);
  }
});

it("keeps the disk of a capsule short that is paused and wanted again at once, and loses no write", async () => {
  const api = await platform.api();
  const { id } = await api.create({});
  const saved = async () => {
    const folder = `${platform.layout.machines}/${id}`;
    const current = (await readdir(folder)).filter((name) => name.startsWith("gen-")).at(-1);
    return (await readdir(`${folder}/${current}`)).filter((name) => name.startsWith("disk-")).length;
  };
  const lengths: number[] = [];
  for (let round = 1; round <= 9; round++) {
    await sh(api, id, `head -c 300000 /dev/urandom > /root/blob-${round}; md5sum /root/blob-* > /root/sums`);
    await api.pause(id);
    await api.resume(id);
    lengths.push(await saved());
  }
  // Twice the limit, and the layers of one more pause.
  expect(Math.max(...lengths)).toBeLessThanOrEqual(7);
  expect(await sh(api, id, "echo 3 > /proc/sys/vm/drop_caches; md5sum --check --quiet /root/sums && echo right")).toBe(
    "right",
  );
  await api.pause(id);
  expect(await waitFor(async () => (await saved()) <= 2, { timeoutMs: 30_000, intervalMs: 100 })).toBe(true);
  await api.resume(id);
  expect(await sh(api, id, "md5sum --check --quiet /root/sums && echo right")).toBe("right");
  await api.destroy(id);
});

it("leaves a capsule alone that is wanted while its disk is flattened", async () => {
  const api = await platform.api();
  const { id } = await api.create({});
  for (let round = 1; round <= 4; round++) {
    await sh(api, id, `head -c 60M /dev/urandom > /root/blob-${round}; md5sum /root/blob-* > /root/sums; sync`);
    await api.createCheckpoint(id, { name: `round-${round}` });
  }
  // Whatever the flattening has come to, the pause does not wait for it and loses nothing.
  await api.pause(id);
  await api.resume(id);
  expect(await sh(api, id, "echo 3 > /proc/sys/vm/drop_caches; md5sum --check --quiet /root/sums && echo right")).toBe(
    "right",
  );
});
