import { cpus } from "node:os";
import { envToHostConfig } from "@wrenn/host-agent/config";
import { createHostContext } from "@wrenn/host-agent/context";
import { findVmms } from "@wrenn/host-agent/machines/sweep";
import { withColdBoot } from "@wrenn/host-agent/templates/build";
import { waitFor } from "@wrenn/runtime/wait";
import { leftovers } from "@wrenn/testkit/leftovers";
import { rssMb } from "@wrenn/testkit/memory";
import type { Platform } from "@wrenn/testkit/platform";
import { afterEach, describe, expect, it } from "vitest";
import { ownPlatform, sh, shared } from "./shared.ts";

/** network slots that are kept ready */
const POOL = 4;

const opened: Platform[] = [];
afterEach(async () => {
  for (const platform of opened.splice(0)) await platform.close();
});

async function fresh(): Promise<Platform> {
  const platform = await ownPlatform();
  opened.push(platform);
  await platform.up();
  return platform;
}

/** How many traces of each kind there are once the pool of network slots is full again. */
async function settledTraces(platform: Platform): Promise<Record<string, number>> {
  const full = await waitFor(async () => (await leftovers(platform.layout)).filter(isSlot).length === POOL, {
    timeoutMs: 20_000,
  });
  expect(full).toBe(true);
  const kinds = (await leftovers(platform.layout)).map((trace) => trace.slice(0, trace.indexOf(":")));
  return Object.fromEntries(
    [...new Set(kinds)].toSorted().map((kind) => [kind, kinds.filter((other) => other === kind).length]),
  );
}

const isSlot = (trace: string) => trace.startsWith("slot claim:");

describe("over a long time", () => {
  it("200 capsules come and go: none fails, nothing leaks, memory stays flat", async () => {
    const platform = await fresh();
    const api = await platform.api();
    const { processes } = await platform.status();
    const servers = [processes["host-agent"] ?? 0, processes["control-plane"] ?? 0];
    const samples: number[][] = [];
    const idle = await settledTraces(platform);
    for (let round = 0; round < 200; round++) {
      const { id } = await api.create({});
      expect(await sh(api, id, `echo ${round}`)).toBe(`${round}`);
      await api.destroy(id);
      if (round % 20 === 19) samples.push(await Promise.all(servers.map(rssMb)));
    }
    const rounded = samples.map((pair) => pair.map(Math.round));
    process.stdout.write(`resident MiB of host agent and control plane every 20 rounds: ${JSON.stringify(rounded)}\n`);
    for (const server of [0, 1]) {
      const lowest = (part: number[][]) => Math.min(...part.map((pair) => pair[server] ?? 0));
      // Between collections the heap breathes; its floor must not rise.
      expect(lowest(samples.slice(5))).toBeLessThan(lowest(samples.slice(0, 5)) + 12);
    }
    expect(await settledTraces(platform)).toEqual(idle);
    expect(await findVmms(platform.layout.run)).toEqual([]);
    expect(await api.list()).toEqual([]);
  });

  it("40 capsules of 256 MB run at once and each answers", async () => {
    const platform = await fresh();
    const api = await platform.api();
    await api.destroy((await api.create({ memory_mb: 256 })).id);
    const capsules = await Promise.all(Array.from({ length: 40 }, () => api.create({ memory_mb: 256 })));
    for (const { id } of capsules) expect(await sh(api, id, "echo $WRENN_SANDBOX_ID")).toBe(id);
    expect((await api.list()).filter((capsule) => capsule.status === "running")).toHaveLength(40);
    await platform.json("down", "--all");
    expect(await leftovers(platform.layout)).toEqual([]);
  });

  it("30 cold boots in a row: none hangs", async () => {
    const platform = await ownPlatform();
    opened.push(platform);
    const env = { ...process.env, WRENN_DIR: platform.layout.dir, WRENN_SLOT_POOL: "0", LOG_LEVEL: "error" };
    const host = await createHostContext(envToHostConfig(env, cpus().length));
    const times: number[] = [];
    for (let boot = 0; boot < 30; boot++) {
      const began = performance.now();
      // One attempt each: a hang fails the test, where a template build would try again.
      await withColdBoot(host, { vcpus: 1, memoryMb: 512 }, host.artifacts.baseImages.minimal.path, async () => {
        times.push(Math.round(performance.now() - began));
      });
    }
    process.stdout.write(`cold boots in ms: ${times.join(" ")}\n`);
    expect(times).toHaveLength(30);
  });
});

it("the shared platform is still well", async () => {
  expect((await shared.status()).state).toBe("running");
});
