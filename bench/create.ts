/**
 * How long from asking for a capsule to the answer of its first command: (a) from the template snapshot, through the
 * whole platform, (b) by a cold boot of the same image, (c) in gVisor's runsc with the same root file system.
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import type { ApiClient } from "@wrenn/cli/api/client";
import { envToHostConfig } from "@wrenn/host-agent/config";
import { createHostContext } from "@wrenn/host-agent/context";
import { exec } from "@wrenn/host-agent/guest/exec";
import type { HostContext } from "@wrenn/host-agent/host";
import { findVmms } from "@wrenn/host-agent/machines/sweep";
import { withColdBoot } from "@wrenn/host-agent/templates/build";
import { pssMb } from "@wrenn/testkit/memory";
import { Platform } from "@wrenn/testkit/platform";
import { row, say } from "./lib/report.ts";
import { benchRunsc } from "./lib/runsc.ts";
import { repeat, type Summary, summarize } from "./lib/stats.ts";

const SHAPE = { vcpus: 1, memoryMb: 512 };
const IDLE_CAPSULES = 5;

export async function createBench(args: string[]): Promise<object> {
  const { values } = parseArgs({ args, options: { runs: { type: "string", default: "20" } } });
  const runs = Number(values.runs);
  const platform = await Platform.start();
  try {
    const api = await platform.api();
    // The first create of a process loads code that later ones find loaded.
    await createAndExec(api);
    const config = envToHostConfig(
      { ...process.env, WRENN_DIR: platform.layout.dir, LOG_LEVEL: "error", WRENN_SLOT_POOL: "0" },
      cpus().length,
    );
    const host = await createHostContext(config);

    say("create → answer of the first command (`true`)");
    const snapshots = await repeat(runs, () => createAndExec(api));
    const snapshot = summarize(snapshots.map((run) => run.totalMs));
    say(row("(a) from the template snapshot", snapshot, "ms"));
    const cold = summarize(await repeat(Math.max(3, Math.ceil(runs / 4)), () => coldBoot(host)));
    say(row("(b) cold boot", cold, "ms", cold.p50 / snapshot.p50));
    const runsc = await benchRunsc(host.artifacts.baseImages.minimal.path, runs);
    if (typeof runsc === "string") say(`(c) gVisor runsc                    ${runsc}`);
    else say(row("(c) gVisor runsc, systrap", runsc, "ms", runsc.p50 / snapshot.p50));

    const phases = phaseSummaries(snapshots.map((run) => run.phases));
    say("\nphases of (a)");
    for (const [name, summary] of Object.entries(phases)) say(row(`    ${name}`, summary, "ms"));

    const memory = await idleMemory(platform, api);
    say(`\nmemory of an idle capsule of ${SHAPE.memoryMb} MiB`);
    say(row("    PSS of its VMM", memory, "MB"));
    const { vmm, version, accelerator } = host.driver.capabilities;
    return {
      vmm: `${vmm} ${version} ${accelerator}`,
      shape: SHAPE,
      create_to_first_exec_ms: { snapshot, cold_boot: cold, runsc },
      ratio_cold_boot: cold.p50 / snapshot.p50,
      phases_ms: phases,
      idle_pss_mb: memory,
    };
  } finally {
    await platform.close();
  }
}

async function createAndExec(api: ApiClient) {
  const began = performance.now();
  const capsule = await api.create({});
  const created = performance.now();
  await api.exec(capsule.id, { cmd: "true" });
  const ended = performance.now();
  await api.destroy(capsule.id);
  const { total, ...phases } = capsule.timings ?? {};
  const outside = created - began - (total ?? 0);
  return { totalMs: ended - began, phases: { ...phases, "api and database": outside, "first exec": ended - created } };
}

async function coldBoot(host: HostContext): Promise<number> {
  const began = performance.now();
  let answered = Number.NaN;
  await withColdBoot(host, SHAPE, host.artifacts.baseImages.minimal.path, async ({ guest }) => {
    await exec(guest, { cmd: "true", args: [], timeoutMs: 60_000 });
    answered = performance.now() - began;
  });
  return answered;
}

function phaseSummaries(runs: readonly Readonly<Record<string, number>>[]): Record<string, Summary> {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run)))];
  return Object.fromEntries(names.map((name) => [name, summarize(runs.map((run) => run[name] ?? 0))]));
}

async function idleMemory(platform: Platform, api: ApiClient): Promise<Summary> {
  const capsules = await repeat(IDLE_CAPSULES, () => api.create({}));
  for (const { id } of capsules) await api.exec(id, { cmd: "true" });
  const vmms = await findVmms(platform.layout.run);
  const summary = summarize(await Promise.all(vmms.map(({ pid }) => pssMb(pid))));
  for (const { id } of capsules) await api.destroy(id);
  return summary;
}
