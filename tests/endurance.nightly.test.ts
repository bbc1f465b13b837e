import { cpus } from "node:os";
import { envToHostConfig } from "@wrenn/host-agent/config";
import { createHostContext } from "@wrenn/host-agent/context";
import { withColdBoot } from "@wrenn/host-agent/templates/build";
import { leftovers } from "@wrenn/testkit/leftovers";
import { rssMb } from "@wrenn/testkit/memory";
import type { Platform } from "@wrenn/testkit/platform";
import { afterEach, describe, expect, it } from "vitest";
import { ownPlatform, sh, shared } from "./shared.ts";

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

describe("over a long time", () => {
  it("200 capsules come and go: none fails, nothing leaks, memory stays flat", async () => {
    const platform = await fresh();
    const api = await platform.api();
    const { processes } = await platform.status();
    const servers = [processes["host-agent"] ?? 0, processes["control-plane"] ?? 0];
    const samples: number[][] = [];
    const idle = await leftovers(platform.layout);
    for (let round = 0; round < 200; round++) {
      const { id } = await api.create({});
      expect(await sh(api, id, `echo ${round}`)).toBe(`${round}`);
      await api.destroy(id);
      if (round % 20 === 19) samples.push(await Promise.all(servers.map(rssMb)));
    }
    process.stdout.write(
      `resident MiB of host agent and control plane every 20 rounds: ${JSON.stringify(samples.map((pair) => pair.map(Math.round)))}\n`,
    );
    const half = samples.length / 2;
    for (const server of [0, 1]) {
      const early = Math.max(...samples.slice(0, half).map((pair) => pair[server] ?? 0));
      const late = Math.max(...samples.slice(half).map((pair) => pair[server] ?? 0));
      // The heap breathes; a leak of a kilobyte a capsule would not pass unseen at ten times this length.
      expect(late).toBeLessThan(early + 25);
    }
    const kinds = (list: string[]) => list.filter((trace) => !/^(slot claim|process|namespace|veth)/.test(trace));
    expect(kinds(await leftovers(platform.layout))).toEqual(kinds(idle));
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
