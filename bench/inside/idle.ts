/** What a capsule costs that nobody asks anything: CPU time of its VMM, and memory that its next pause has to store. */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiClient } from "@wrenn/cli/api/client";
import { generationName } from "@wrenn/host-agent/machines/saved";
import { VmmMemory } from "@wrenn/host-agent/memory/vmm-memory";
import type { Platform } from "@wrenn/testkit/platform";
import { say } from "../lib/report.ts";
import { recordOf } from "./machine.ts";

const SETTLE_MS = 15_000;
const MINUTES = 3;
const MEMORY_MB = 512;
const MB = 1024 * 1024;

export async function benchIdle(platform: Platform, api: ApiClient): Promise<object> {
  say(`\nan idle capsule, ${MINUTES} minutes`);
  const { id } = await api.create({ memory_mb: MEMORY_MB });
  await api.exec(id, { cmd: "true" });
  const { vmm, generation } = await recordOf(platform, id);
  if (vmm === undefined) throw new Error("the capsule does not run");
  const memoryPath = `${platform.layout.machines}/${id}/${generationName(generation)}/memory`;
  await sleep(SETTLE_MS);
  const [cpu, written] = [await cpuSeconds(vmm.pid), await changedMb(vmm.pid, memoryPath)];
  await sleep(MINUTES * 60_000);
  const share = (await cpuSeconds(vmm.pid)) - cpu;
  const perMinute = ((await changedMb(vmm.pid, memoryPath)) - written) / MINUTES;
  await api.destroy(id);
  const percent = (share / (MINUTES * 60)) * 100;
  say(`    CPU of the whole VMM: ${percent.toFixed(2)} % of a core`);
  say(`    memory written for the first time: ${perMinute.toFixed(2)} MB a minute`);
  return { minutes: MINUTES, vmm_cpu_percent: percent, written_mb_per_minute: perMinute };
}

/** of user and system time; the kernel counts in hundredths */
async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "latin1")).split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function changedMb(pid: number, memoryPath: string): Promise<number> {
  await using memory = await VmmMemory.open({ pid, memoryPath, memoryBytes: MEMORY_MB * MB }, "r");
  return (await memory.changedPages()).reduce((sum, { length }) => sum + length, 0) / MB;
}
