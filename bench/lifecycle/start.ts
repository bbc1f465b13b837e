/** Three ways to a capsule that answers: resumed, created from the template, taken from the warm pool. Through the whole platform. */
import type { ApiClient } from "@wrenn/cli/api/client";
import { waitFor } from "@wrenn/runtime/wait";
import { Platform } from "@wrenn/testkit/platform";
import { row, say } from "../lib/report.ts";
import { repeat, summarize } from "../lib/stats.ts";

export async function benchResume(api: ApiClient, runs: number): Promise<object> {
  say("\nuntil the first command (`true`) has answered");
  const { id } = await api.create({});
  const turn = async () => ({ create: await createAndExec(api), resume: await resumeAndExec(api, id) });
  await turn();
  const turns = await repeat(runs, turn);
  await api.destroy(id);
  const create = summarize(turns.map((times) => times.create));
  const resume = summarize(turns.map((times) => times.resume));
  say(row("    from create", create, "ms"));
  say(row("    from resume", resume, "ms", resume.p50 / create.p50));
  return { create_to_first_exec_ms: create, resume_to_first_exec_ms: resume, ratio: resume.p50 / create.p50 };
}

async function createAndExec(api: ApiClient): Promise<number> {
  const began = performance.now();
  const { id } = await api.create({});
  await api.exec(id, { cmd: "true" });
  const ms = performance.now() - began;
  await api.destroy(id);
  return ms;
}

async function resumeAndExec(api: ApiClient, id: string): Promise<number> {
  await api.pause(id);
  const began = performance.now();
  await api.resume(id);
  await api.exec(id, { cmd: "true" });
  return performance.now() - began;
}

/** Its own platform: the pool is a setting of the host. */
export async function benchWarmPool(templatesFrom: string, runs: number): Promise<object> {
  say("\ncreate, and create until the first command has answered");
  const platform = await Platform.prepare({ env: { WRENN_WARM_POOL: "minimal=1" }, templatesFrom });
  try {
    await platform.up();
    const api = await platform.api();
    const [warm, cold] = [[], []] as [Times[], Times[]];
    await timed(api);
    while (warm.length < runs || cold.length < runs) {
      await waitFor(async () => (await timedInto(api, warm, cold)) === "claimed", { timeoutMs: 60_000, intervalMs: 2000 });
      // The pool is empty now: this one comes from the snapshot.
      await timedInto(api, warm, cold);
    }
    ...
  } finally {
    await platform.close();
  }
}
