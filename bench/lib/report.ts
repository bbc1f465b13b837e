/** Where results go: a table for people, JSON with the host described for the documents. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { cpus, release, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import type { Summary } from "./stats.ts";

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function row(name: string, { n, p50, p95 }: Summary, unit: string, ratio?: number): string {
  const figures = `p50 ${p50.toFixed(0).padStart(6)} ${unit}   p95 ${p95.toFixed(0).padStart(6)} ${unit}   n=${n}`;
  return `${name.padEnd(34)} ${figures}${ratio === undefined ? "" : `   ${ratio.toFixed(1)}×`}`;
}

async function describeHost() {
  const osRelease = await readFile("/etc/os-release", "utf8").catch(() => "");
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memory_mb: Math.floor(totalmem() / 1024 / 1024),
    kernel: release(),
    os: /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1] ?? "unknown",
    node: process.version,
  };
}

export async function writeResult(name: string, result: object): Promise<void> {
  const folder = fileURLToPath(new URL("../results/", import.meta.url));
  await mkdir(folder, { recursive: true });
  const content = { bench: name, date: new Date().toISOString(), host: await describeHost(), ...result };
  await writeFile(`${folder}${name}.json`, `${JSON.stringify(content, undefined, 2)}\n`);
  say(`\nwritten to bench/results/${name}.json`);
}
