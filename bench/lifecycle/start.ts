/** Ways to a capsule that answers: resumed, created from the template, taken from the warm pool. Through the whole platform. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiClient } from "@wrenn/cli/api/client";
import { Platform } from "@wrenn/testkit/platform";
import { row, say } from "../lib/report.ts";
import { repeat, summarize } from "../lib/stats.ts";

/** ms */
interface Times {
  /** until the capsule is there */
  readonly ready: number;
  /** until its first command has answered */
  readonly answered: number;
}

async function timeStart(api: ApiClient, start: () => Promise<string>): Promise<Times> {
  const began = performance.now();
  const id = await start();
  const ready = performance.now() - began;
  await api.exec(id, { cmd: "true" });
  return { ready, answered: performance.now() - began };
}

async function timeCreate(api: ApiClient): Promise<Times> {
  let id = "";
  const times = await timeStart(api, async () => {
    const capsule = await api.create({});
    id = capsule.id;
    return id;
  });
  await api.destroy(id);
  return times;
}

async function timeResume(api: ApiClient, id: string): Promise<Times> {
  await api.pause(id);
  return timeStart(api, async () => {
    await api.resume(id);
    return id;
  });
}

export async function benchResume(api: ApiClient, runs: number): Promise<object> {
  say("\nuntil the first command (`true`) has answered");
  const { id } = await api.create({});
  const turn = async () => ({ create: await timeCreate(api), resume: await timeResume(api, id) });
  await turn();
  const turns = await repeat(runs, turn);
  await api.destroy(id);
  const create = summarize(turns.map((times) => times.create.answered));
  const resume = summarize(turns.map((times) => times.resume.answered));
  say(row("    from create", create, "ms"));
  say(row("    from resume", resume, "ms", resume.p50 / create.p50));
  return { create_ms: create, resume_ms: resume, ratio: resume.p50 / create.p50 };
}

/** Longer than a host needs to make the next machine. */
const REFILL_MS = 4000;

/** On a platform of its own: the pool is a setting of the host. Creates alternate with those of `cold`, which has none. */
export async function benchWarmPool(cold: Platform, runs: number): Promise<object> {
  const env = { WRENN_WARM_POOL: "minimal=1" };
  const warm = await Platform.start({ env, templatesFrom: cold.layout.dir });
  try {
    const [fromPool, fromSnapshot] = [await warm.api(), await cold.api()];
    const turn = async () => {
      await sleep(REFILL_MS);
      const pool = await timeCreate(fromPool);
      await sleep(REFILL_MS);
      return { pool, snapshot: await timeCreate(fromSnapshot) };
    };
    await turn();
    const turns = await repeat(runs, turn);
    const result = (name: keyof Times) => {
      const snapshot = summarize(turns.map((times) => times.snapshot[name]));
      const pool = summarize(turns.map((times) => times.pool[name]));
      say(row("    from the snapshot", snapshot, "ms"));
      say(row("    from the warm pool", pool, "ms", snapshot.p50 / pool.p50));
      return { snapshot_ms: snapshot, pool_ms: pool, ratio: snapshot.p50 / pool.p50 };
    };
    say("\ncreate");
    const ready = result("ready");
    say("create until the first command has answered");
    return { create: ready, create_to_first_exec: result("answered") };
  } finally {
    await warm.close();
  }
}
