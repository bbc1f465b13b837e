import { readdir } from "node:fs/promises";
import type { ApiClient } from "@wrenn/cli/api/client";
import { findVmms } from "@wrenn/host-agent/machines/sweep";
import { waitFor } from "@wrenn/runtime/wait";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { sh, shared } from "./shared.ts";

let api: ApiClient;
const made: string[] = [];
beforeAll(async () => {
  api = await shared.api();
});
afterEach(async () => {
  for (const id of made.splice(0)) await api.destroy(id);
});

async function create(request: Parameters<ApiClient["create"]>[0] = {}): Promise<string> {
  const { id } = await api.create(request);
  made.push(id);
  return id;
}

/** A counter that lives in the memory of a process, in a file of its disk, and in a file that it keeps open. */
const COUNTER = `cat > /root/counter.py <<'EOF'
import os, signal, time
n = 0
held = open("/root/held", "w")
def step(*_):
    global n
    n += 1
    with open("/root/on-disk", "w") as f: f.write(str(n)); f.flush(); os.fsync(f.fileno())
    held.write(f"{n}\\n"); held.flush()
    with open("/tmp/in-memory", "w") as f: f.write(str(n))
signal.signal(signal.SIGUSR1, step)
open("/tmp/pid", "w").write(str(os.getpid()))
while True: time.sleep(1000)
EOF
setsid python3 /root/counter.py >/dev/null 2>&1 </dev/null &
while [ ! -s /tmp/pid ]; do sleep 0.05; done`;

async function count(id: string, wanted: number): Promise<void> {
  await sh(api, id, `kill -USR1 $(cat /tmp/pid); until [ "$(cat /tmp/in-memory)" = ${wanted} ]; do sleep 0.02; done`);
}

async function clockErrorMs(id: string): Promise<number> {
  // The command itself takes time: the best of a few is the least wrong.
  const errors: number[] = [];
  for (let i = 0; i < 5; i++) {
    const before = Date.now();
    const inside = Number(await sh(api, id, "date +%s%3N"));
    const after = Date.now();
    errors.push(Math.max(inside - after, before - inside, 0));
  }
  return Math.min(...errors);
}

describe("pause and resume", () => {
  it("keep memory, disk and open files, round after round", async () => {
    const id = await create();
    await sh(api, id, COUNTER);
    for (let round = 1; round <= 5; round++) {
      await count(id, round);
      const paused = await api.pause(id);
      expect(paused).toMatchObject({ status: "paused", pause_reason: "request" });
      expect(Object.keys(paused.timings ?? {})).toContain("memory_save");
      expect((await findVmms(shared.layout.run)).map((vmm) => vmm.machine)).not.toContain(id);
      expect(await api.resume(id)).toMatchObject({ status: "running" });
      expect(await sh(api, id, "cat /root/on-disk; echo; cat /tmp/in-memory; echo; tail -n 1 /root/held")).toBe(
        `${round}\n${round}\n${round}`,
      );
      expect(await sh(api, id, "cat /run/wrenn/generation")).toBe(`${round + 1}`);
    }
    expect(await clockErrorMs(id)).toBeLessThan(50);
    const folder = `${shared.layout.machines}/${id}`;
    expect((await readdir(folder)).filter((name) => name.startsWith("gen-"))).toHaveLength(1);
  });

  it("of a paused capsule: exec is refused, unless it resumes by itself, once for many callers", async () => {
    const asleep = await create();
    await api.pause(asleep);
    await expect(api.exec(asleep, { cmd: "true" })).rejects.toMatchObject({ code: "invalid_state" });
    await expect(api.pause(asleep)).rejects.toMatchObject({ code: "invalid_state" });

    const waking = await create({ auto_resume: true });
    await api.pause(waking);
    const answers = await Promise.all([1, 2, 3].map((n) => sh(api, waking, `echo ${n}; cat /run/wrenn/generation`)));
    expect(answers).toEqual(["1\n2", "2\n2", "3\n2"]);
  });

  it("at the same moment from two clients: one wins, the other is told so", async () => {
    const id = await create();
    const outcomes = async (calls: Promise<unknown>[]) =>
      (await Promise.allSettled(calls))
        .map((call) => (call.status === "fulfilled" ? "ok" : String(call.reason.code)))
        .toSorted();
    expect(await outcomes([api.pause(id), api.pause(id)])).toEqual(["invalid_state", "ok"]);
    expect(await outcomes([api.resume(id), api.resume(id)])).toEqual(["invalid_state", "ok"]);
    expect(await sh(api, id, "echo fine")).toBe("fine");
    const [pause, destroy] = await Promise.allSettled([api.pause(id), api.destroy(id)]);
    expect(destroy.status).toBe("fulfilled");
    if (pause.status === "rejected") expect(["invalid_state", "not_found"]).toContain(pause.reason.code);
    expect(await api.get(id)).toMatchObject({ status: "stopped" });
  });

  it("happens by itself when a capsule is idle, but not while a command runs", async () => {
    const id = await create({ timeout_sec: 2 });
    expect(await sh(api, id, "sleep 4; echo done")).toBe("done");
    const paused = await waitFor(async () => (await api.get(id)).status === "paused", { timeoutMs: 20_000 });
    expect(paused).toBe(true);
    expect(await api.get(id)).toMatchObject({ pause_reason: "idle" });
    await api.resume(id);
    expect(await sh(api, id, "echo awake")).toBe("awake");
  });
});

describe("copies of a capsule", () => {
  it("forked: each goes its own way with an identity of its own", async () => {
    const id = await create();
    await sh(api, id, "echo parent > /root/who; echo parent > /tmp/who");
    const { capsules } = await api.fork(id, { count: 2 });
    made.push(...capsules.map((capsule) => capsule.id));
    const seen = new Set<string>();
    for (const child of capsules) {
      expect(child).toMatchObject({ status: "running", forked_from: id });
      expect(await sh(api, child.id, "cat /root/who /tmp/who")).toBe("parent\nparent");
      await sh(api, child.id, `echo ${child.id} > /root/who; sync`);
      expect(await sh(api, child.id, "cat /run/wrenn/.WRENN_SANDBOX_ID; echo; echo $WRENN_SANDBOX_ID")).toBe(
        `${child.id}\n${child.id}`,
      );
      expect(Number(await sh(api, child.id, "cat /run/wrenn/generation"))).toBeGreaterThan(1);
      seen.add(await sh(api, child.id, "cat /etc/machine-id; head -c 16 /dev/urandom | od -An -tx1"));
      expect(await clockErrorMs(child.id)).toBeLessThan(50);
    }
    expect(seen.size).toBe(2);
    expect(await sh(api, id, "cat /root/who")).toBe("parent");
  });

  it("from a snapshot, which is refused to go while they live", async () => {
    const id = await create({ memory_mb: 512 });
    await sh(api, id, "echo saved > /root/file; echo saved > /tmp/file");
    const snapshot = await api.createSnapshot({ sandbox_id: id, name: "e2e-snapshot" });
    expect(snapshot).toMatchObject({ name: "e2e-snapshot", type: "snapshot", vcpus: 1, memory_mb: 512 });
    expect(snapshot.size_bytes).toBeGreaterThan(0);
    expect(snapshot.size_bytes).toBeLessThan(64 * 1024 * 1024);
    expect(await sh(api, id, "cat /root/file; echo later > /root/file; sync")).toBe("saved");
    await expect(api.createSnapshot({ sandbox_id: id, name: "e2e-snapshot" })).rejects.toMatchObject({
      code: "template_name_taken",
    });

    const copy = await create({ template: "e2e-snapshot", memory_mb: 1024, disk_size_mb: 8192 });
    expect(await api.get(copy)).toMatchObject({ memory_mb: 512, template: "e2e-snapshot", disk_size_mb: 8192 });
    expect(await sh(api, copy, "cat /root/file /tmp/file")).toBe("saved\nsaved");
    expect(Number(await sh(api, copy, "df -m / | awk 'NR==2{print $2}'"))).toBeGreaterThan(7000);
    await expect(api.deleteSnapshot("e2e-snapshot")).rejects.toMatchObject({ code: "snapshot_in_use" });
    await api.destroy(copy);
    await api.deleteSnapshot("e2e-snapshot");
    expect((await api.listSnapshots("snapshot")).map((template) => template.name)).not.toContain("e2e-snapshot");
  });

  it("are what a rollback brings back", async () => {
    const id = await create();
    await sh(api, id, COUNTER);
    await count(id, 1);
    await api.createCheckpoint(id, { name: "one" });
    await count(id, 2);
    await api.createCheckpoint(id, { name: "two" });
    await count(id, 3);
    expect((await api.listCheckpoints(id)).map((checkpoint) => checkpoint.name).toSorted()).toEqual(["one", "two"]);
    expect(await api.rollback(id, { checkpoint: "one" })).toMatchObject({ status: "running" });
    expect(await sh(api, id, "cat /root/on-disk; echo; cat /tmp/in-memory")).toBe("1\n1");
    await count(id, 2);
    await api.rollback(id, { checkpoint: "two" });
    await api.pause(id);
    await api.resume(id);
    expect(await sh(api, id, "cat /root/on-disk; echo; cat /tmp/in-memory; echo; cat /root/held")).toBe("2\n2\n1\n2");
  });
});
