/** The most memory that processes had resident while something happened. The kernel keeps it, so nothing slips between samples. */
import { readFile, writeFile } from "node:fs/promises";
import type { ApiClient } from "@wrenn/cli/api/client";
import type { Platform } from "@wrenn/testkit/platform";

/** MiB at the beginning and at most, by name of the process */
export type Growth = Record<string, { before: number; peak: number; growth: number }>;

/** Resets a process's peak: https://docs.kernel.org/filesystems/proc.html, clear_refs */
const RESET_PEAK = "5";
const AGENT_PID = "$(pgrep -f -o agent.mjs)";

/** Of all servers of the platform, and of the agent inside the capsule. */
export async function growthDuring(
  platform: Platform,
  api: ApiClient,
  id: string,
  work: () => Promise<void>,
): Promise<Growth> {
  const pids = Object.entries((await platform.status()).processes);
  const host = async (field: string) =>
    Promise.all(pids.map(async ([name, pid]) => [name, mb(await readFile(`/proc/${pid}/status`, "utf8"), field)]));
  const guest = async (field: string) => ["guest agent", mb(await inGuest(`cat /proc/${AGENT_PID}/status`), field)];
  const inGuest = async (script: string) => (await api.exec(id, { cmd: "/bin/sh", args: ["-c", script] })).stdout;

  await inGuest(`echo ${RESET_PEAK} > /proc/${AGENT_PID}/clear_refs`);
  await Promise.all(pids.map(([, pid]) => writeFile(`/proc/${pid}/clear_refs`, RESET_PEAK)));
  const before = Object.fromEntries([...(await host("VmRSS")), await guest("VmRSS")]) as Record<string, number>;
  await work();
  const peaks = [...(await host("VmHWM")), await guest("VmHWM")] as [string, number][];
  return Object.fromEntries(
    peaks.map(([name, peak]) => {
      const start = before[name] ?? Number.NaN;
      return [name, { before: start, peak, growth: peak - start }];
    }),
  );
}

export function describeGrowth(growth: Growth): string {
  return Object.entries(growth)
    .map(([name, { before, growth: more }]) => `${name} ${before.toFixed(0)} + ${more.toFixed(0)}`)
    .join(", ");
}

function mb(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? Number.NaN) / 1024;
}
