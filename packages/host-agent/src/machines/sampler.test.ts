import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { WrennError } from "@wrenn/protocol/errors";
import { createLogger } from "@wrenn/runtime/logger";
import { identify } from "@wrenn/runtime/process-identity";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Journal } from "./journal.ts";
import type { MachineRecord } from "./record.ts";
import { type LiveParts, Machines } from "./registry.ts";
import { Sampler, type SamplerHost } from "./sampler.ts";

const ID = "cl-0000000000000000000000001";
const OVERLAY = "disk-2.qcow2";
const NOW = 1_800_000_000_000;

/** Takes CPU until the kernel has counted some. */
function burn(): void {
  const end = process.cpuUsage().user + 30_000;
  while (process.cpuUsage().user < end);
}

describe("Sampler", () => {
  let folder: string;
  let host: SamplerHost;
  let sampler: Sampler;
  let asked: number;
  let answer: () => Promise<{ mem_used: number }>;

  beforeEach(async () => {
    folder = await mkdtemp(`${tmpdir()}/sampler-`);
    const journal = new Journal(folder);
    host = { journal, machines: new Machines((id) => journal.recordFile(id)), logger: createLogger("test", "silent") };
    sampler = new Sampler(host);
    asked = 0;
    answer = async () => ({ mem_used: 5_000_000 });
    const record = { id: ID, state: "running", vcpus: 1, memoryMb: 512, generation: 0, overlays: [OVERLAY] };
    await journal.create(record as unknown as MachineRecord);
    await writeFile(`${folder}/${ID}/${OVERLAY}`, Buffer.alloc(100_000, 1));
    put("running");
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const guest = {
    metrics: () => {
      asked++;
      return answer();
    },
  };

  /** A machine whose VMM is this process. */
  function put(state: MachineRecord["state"]): void {
    const record = { id: ID, state, vcpus: 1, memoryMb: 512, generation: 0, overlays: [OVERLAY] };
    const live = { vm: { process: identify(process.pid) }, guest } as unknown as LiveParts;
    host.machines.put(record as unknown as MachineRecord, state === "running" ? live : undefined);
  }

  async function seconds(count: number, from = NOW): Promise<void> {
    for (let second = 0; second < count; second++) await sampler.tick(from + second * 1000);
  }

  it("knows CPU, memory and disk of each second but the first", async () => {
    await sampler.tick(NOW);
    burn();
    await sampler.tick(NOW + 1000);
    const points = await sampler.range(ID, "10m", NOW + 2000);
    expect(points).toEqual([
      { at: NOW / 1000 + 1, cpuPct: expect.any(Number), memBytes: 5_000_000, diskBytes: expect.any(Number) },
    ]);
    expect(points[0]?.cpuPct).toBeGreaterThan(0);
    expect(points[0]?.cpuPct).toBeLessThanOrEqual(100);
    expect(points[0]?.diskBytes).toBeGreaterThanOrEqual(100_000);
  });

  it("asks a guest every 30 seconds, and every second while somebody looks", async () => {
    await seconds(61);
    expect(asked).toBe(3);
    await sampler.range(ID, "10m", NOW + 61_000);
    await seconds(10, NOW + 61_000);
    expect(asked).toBe(13);
    // A minute after the last look nobody looks any more.
    await seconds(100, NOW + 122_000);
    expect(asked).toBe(17);
  });

  it("does not ask a guest that has not answered yet", async () => {
    const held = Promise.withResolvers<{ mem_used: number }>();
    await seconds(2);
    answer = () => held.promise;
    await sampler.range(ID, "10m", NOW + 2000);
    await seconds(20, NOW + 2000);
    expect(asked).toBe(2);
    // Its CPU is known all the same, and its memory is what it said last.
    expect((await sampler.range(ID, "10m", NOW + 22_000)).at(-1)).toMatchObject({ memBytes: 5_000_000 });
    expect(await sampler.range(ID, "10m", NOW + 22_000)).toHaveLength(21);
    held.resolve({ mem_used: 1 });
  });

  it("measures a guest that does not answer, and believes none that says more than it has", async () => {
    answer = async () => {
      throw new WrennError("guest_unreachable", "no");
    };
    await seconds(3);
    expect((await sampler.range(ID, "10m", NOW + 3000)).map(({ memBytes }) => memBytes)).toEqual([0, 0]);
    answer = async () => ({ mem_used: 2 ** 50 });
    await seconds(2, NOW + 3000);
    expect((await sampler.range(ID, "10m", NOW + 5000)).at(-1)?.memBytes).toBe(512 * 1024 * 1024);
  });

  it("gives all of a machine that runs as often as asked, and of a paused one once", async () => {
    await seconds(40);
    expect((await sampler.flush(ID))["10m"]).toHaveLength(39);
    expect((await sampler.flush(ID))["10m"]).toHaveLength(39);
    put("paused");
    await seconds(5, NOW + 40_000);
    const { "10m": ones, "2h": halves, "24h": fives } = await sampler.flush(ID);
    expect([ones.length, halves.length, fives.length]).toEqual([39, 2, 1]);
    expect((await sampler.flush(ID))["10m"]).toEqual([]);
  });

  it("goes on after a restart of the agent with what the one before wrote down", async () => {
    await seconds(10);
    await sampler.save();
    sampler = new Sampler(host);
    await seconds(2, NOW + 10_000);
    // The first second of each agent is the one that CPU is counted from.
    expect(await sampler.range(ID, "10m", NOW + 12_000)).toHaveLength(9 + 1);
    // It is read once.
    expect(await new Sampler(host).range(ID, "10m", NOW + 12_000)).toEqual([]);
  });

  it("begins anew when what was written down is damaged", async () => {
    await writeFile(`${folder}/${ID}/metrics.json`, '{"10m":[[1,2]]');
    await seconds(3);
    expect(await sampler.range(ID, "10m", NOW + 3000)).toHaveLength(2);
  });

  it("forgets a machine that is removed, and has nothing of one that it does not know", async () => {
    await seconds(3);
    host.machines.remove(ID);
    await expect(sampler.range(ID, "10m")).rejects.toMatchObject({ code: "not_found" });
    await expect(sampler.flush(ID)).rejects.toMatchObject({ code: "not_found" });
    put("running");
    expect(await sampler.range(ID, "10m", NOW + 3000)).toEqual([]);
  });
});
