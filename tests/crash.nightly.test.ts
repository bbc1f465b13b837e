/** Every operation fails at every one of its steps, in every way, on real VMs: nothing is lost and nothing leaks. */
import { readdir } from "node:fs/promises";
import type { ApiClient } from "@wrenn/cli/api/client";
import { findVmms } from "@wrenn/host-agent/machines/sweep";
import { waitFor } from "@wrenn/runtime/wait";
import type { Platform } from "@wrenn/testkit/platform";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Bystander, type CrashCase, crash, crashCases, eventually, MARK, memoryAndDisk, settled } from "./crash.ts";
import { ownPlatform, sh } from "./shared.ts";

let platform: Platform;
let api: ApiClient;
let bystander: Bystander;
beforeAll(async () => {
  const config = { WRENN_MERGE_MB: "1", WRENN_MAX_DISK_LAYERS: "2", WRENN_WARM_POOL: "minimal:1x256=1" };
  platform = await ownPlatform({ WRENN_FAILPOINTS: "1", ...config });
  await platform.up();
  api = await platform.api();
  bystander = await Bystander.start(platform);
});
afterAll(() => platform.close());

async function marked(): Promise<{ id: string; content: string }> {
  const { id } = await eventually(() => api.create({}));
  await sh(api, id, MARK);
  return { id, content: await memoryAndDisk(api, id) };
}

/** The capsule is what it was or what it was to become, and after a resume has what it had in one of them. */
async function intact(
  id: string,
  contents: string | readonly string[],
  { failure, operation, step }: CrashCase,
): Promise<void> {
  const status = await settled(api, id);
  // A VMM that dies takes the memory of a machine that ran with it; what was saved before is never touched.
  if (failure === "vmm" && status === "error" && (operation !== "resume" || step === "commit")) return;
  expect(["running", "paused"]).toContain(status);
  if (status === "paused") await eventually(() => api.resume(id));
  expect([contents].flat()).toContain(await memoryAndDisk(api, id));
}

/** New content in memory and on disk. */
async function change(id: string): Promise<string> {
  await sh(api, id, "echo 2 | tee /root/on-disk > /tmp/in-memory; head -c 3000000 /dev/urandom > /root/blob; sync");
  return memoryAndDisk(api, id);
}

/** Every capsule that the case has made, once it is running or has ended; removed afterwards. */
async function eachMade(check: (id: string) => Promise<void>): Promise<void> {
  for (const { id } of await bystander.others()) {
    if ((await settled(api, id)) === "running") await check(id);
    await eventually(() => api.destroy(id));
  }
}

const name = ({ operation, step, failure }: CrashCase) =>
  [`${operation}.${step} ${failure}`, { operation, step, failure }] as const;

describe.each(crashCases(["create"]).map(name))("%s", (_name, at) => {
  it("makes a capsule or none", async () => {
    const reached = await crash(platform, bystander, at, () => api.create({}));
    expect(reached).toBe(true);
    await eachMade(async (id) => expect(await sh(api, id, "echo ok")).toBe("ok"));
    await bystander.isAlone();
  });
});

describe.each(crashCases(["claim"]).map(name))("%s", (_name, at) => {
  it("makes a capsule of a waiting machine, or of another one, or none", async () => {
    const waiting = async () =>
      (await findVmms(platform.layout.run)).filter(({ machine }) => machine.startsWith("warm-")).length;
    // A create that finds the machine still in the making does not reach the step.
    const reached = await waitFor(
      async () =>
        (await waiting()) === 1 && (await crash(platform, bystander, at, () => api.create({ memory_mb: 256 }))),
      { timeoutMs: 60_000, intervalMs: 250 },
    );
    expect(reached).toBe(true);
    await eachMade(async (id) => expect(await sh(api, id, "echo ok")).toBe("ok"));
    await bystander.isAlone();
    expect(await waitFor(async () => (await waiting()) === 1, { timeoutMs: 60_000, intervalMs: 250 })).toBe(true);
  });
});

describe.each(crashCases(["pause", "flatten"]).map(name))("%s", (_name, at) => {
  it("leaves the capsule running or paused", async () => {
    const { id } = await marked();
    // From the second pause on there are disk layers to be made one.
    await api.pause(id);
    await api.resume(id);
    const content = await change(id);
    const reached = await crash(platform, bystander, at, () => api.pause(id));
    expect(reached).toBe(true);
    await intact(id, content, at);
    await eventually(() => api.destroy(id));
    await bystander.isAlone();
  });
});

describe.each(crashCases(["resume"]).map(name))("%s", (_name, at) => {
  it("leaves the capsule paused or running", async () => {
    const { id, content } = await marked();
    await api.pause(id);
    const reached = await crash(platform, bystander, at, () => api.resume(id));
    expect(reached).toBe(true);
    await intact(id, content, at);
    await eventually(() => api.destroy(id));
    await bystander.isAlone();
  });
});

describe.each(crashCases(["snapshot"]).map(name))("%s", (_name, at) => {
  it("leaves the capsule running, with a whole snapshot or none", async () => {
    const { id, content } = await marked();
    const reached = await crash(platform, bystander, at, () => api.createSnapshot({ sandbox_id: id, name: "crash" }));
    expect(reached).toBe(true);
    await intact(id, content, at);
    // A snapshot whose create was cut off is listed, or gone, when the control plane has asked the host.
    await waitFor(
      async () => (await readdir(platform.layout.snapshots)).length === (await api.listSnapshots("snapshot")).length,
      { timeoutMs: 30_000, intervalMs: 250 },
    );
    for (const template of await api.listSnapshots("snapshot")) {
      const copy = await eventually(() => api.create({ template: template.name }));
      expect(await memoryAndDisk(api, copy.id)).toBe(content);
      await eventually(() => api.destroy(copy.id));
      await eventually(() => api.deleteSnapshot(template.name));
    }
    await eventually(() => api.destroy(id));
    await bystander.isAlone();
  });
});

describe.each(crashCases(["flatten_running"]).map(name))("%s", (_name, at) => {
  it("leaves the capsule running, and its snapshots what they are", async () => {
    const { id } = await marked();
    await api.createSnapshot({ sandbox_id: id, name: "before" });
    const content = await change(id);
    const reached = await crash(platform, bystander, at, () => api.createSnapshot({ sandbox_id: id, name: "after" }));
    expect(reached).toBe(true);
    await intact(id, content, at);
    const copy = await eventually(() => api.create({ template: "after" }));
    expect(await memoryAndDisk(api, copy.id)).toBe(content);
    for (const machine of [id, copy.id]) await eventually(() => api.destroy(machine));
    for (const snapshot of ["before", "after"]) await eventually(() => api.deleteSnapshot(snapshot));
    await bystander.isAlone();
  });
});

describe.each(crashCases(["fork"]).map(name))("%s", (_name, at) => {
  it("leaves the source running, with all copies or none", async () => {
    const { id, content } = await marked();
    const reached = await crash(platform, bystander, at, () => api.fork(id, { count: 2 }));
    expect(reached).toBe(true);
    await intact(id, content, at);
    await eachMade(async (child) => expect(await memoryAndDisk(api, child)).toBe(content));
    await bystander.isAlone();
  });
});

describe.each(crashCases(["rollback"]).map(name))("%s", (_name, at) => {
  it("leaves the capsule as it was or as it was saved", async () => {
    const { id, content } = await marked();
    await api.createCheckpoint(id, { name: "here" });
    const later = await change(id);
    const reached = await crash(platform, bystander, at, () => api.rollback(id, { checkpoint: "here" }));
    expect(reached).toBe(true);
    await intact(id, [content, later], at);
    await eventually(() => api.destroy(id));
    await bystander.isAlone();
  });
});

/** What of an operation is left to do for a capsule that is paused already. */
const OF_PAUSED = ["merge", "publish", "children", "check", "journal", "commit"];
const ofPaused = crashCases(["snapshot", "fork", "rollback"], ["kill", "enospc"])
  .filter(({ step }) => OF_PAUSED.includes(step))
  .map(name);

describe.each(ofPaused)("%s of a paused capsule", (_name, at) => {
  it("leaves it paused as it was, or as it was saved", async () => {
    const { id, content } = await marked();
    await api.createCheckpoint(id, { name: "here" });
    const later = await change(id);
    await api.pause(id);
    const acts = {
      snapshot: () => api.createCheckpoint(id, { name: "there" }),
      fork: () => api.fork(id, { count: 2 }),
      rollback: () => api.rollback(id, { checkpoint: "here" }),
    };
    const reached = await crash(platform, bystander, at, acts[at.operation as keyof typeof acts]);
    expect(reached).toBe(true);
    await intact(id, at.operation === "rollback" ? [content, later] : later, at);
    await eventually(() => api.destroy(id));
    await eachMade(async (child) => expect(await memoryAndDisk(api, child)).toBe(later));
    await bystander.isAlone();
  });
});

describe.each(crashCases(["destroy"]).map(name))("%s", (_name, at) => {
  it("ends the capsule all the same", async () => {
    const { id } = await marked();
    const reached = await crash(platform, bystander, at, () => api.destroy(id));
    expect(reached).toBe(true);
    await eventually(() => api.destroy(id));
    expect((await api.get(id)).status).toBe("stopped");
    await bystander.isAlone();
  });
});
