/** What a process really costs: its share of every page, as the kernel counts it. */
import { readFile } from "node:fs/promises";

async function rollup(pid: number, field: string): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? Number.NaN) / 1024;
}

/** MiB; pages that several processes map count in parts. */
export function pssMb(pid: number): Promise<number> {
  return rollup(pid, "Pss");
}

/** MiB of resident memory, shared pages counted whole. */
export function rssMb(pid: number): Promise<number> {
  return rollup(pid, "Rss");
}
