/** One capsule, paused and resumed many times while it counts: nothing is lost, and no round costs more than the one before. */
import type { ApiClient } from "@wrenn/cli/api/client";
import { command } from "@wrenn/runtime/command";
import type { Platform } from "@wrenn/testkit/platform";
import { row, say } from "../lib/report.ts";
import { repeat, summarize } from "../lib/stats.ts";

/** Counts, at each signal, in a variable, in a file on the disk and in one that it keeps open. */
const COUNTER = `
import os, signal, time
memory = 0
held = open("/root/held", "w")
def count(_signal, _frame):
    global memory
    memory += 1
    with open("/root/disk", "w") as disk:
        disk.write(str(memory))
    held.write("x")
    held.flush()
    with open("/tmp/memory", "w") as said:
        said.write(str(memory))
signal.signal(signal.SIGUSR1, count)
with open("/tmp/pid", "w") as pid:
    pid.write(str(os.getpid()))
while True:
    signal.pause()
`;

export async function benchRounds(platform: Platform, api: ApiClient, rounds: number): Promise<object> {
  say(`\n${rounds} rounds of pause and resume of a capsule that counts`);
  const { id } = await api.create({});
  const sh = async (script: string) => {
    const { stdout, stderr, exit_code } = await api.exec(id, { cmd: "/bin/sh", args: ["-c", script] });
    if (exit_code !== 0) throw new Error(`${script}: code ${exit_code}: ${stderr}`);
    return stdout.trim();
  };
  const program = Buffer.from(COUNTER).toString("base64");
  await sh(
    `echo ${program} | base64 -d > /root/counter.py; setsid python3 /root/counter.py > /dev/null 2>&1 & until [ -s /tmp/pid ]; do sleep 0.1; done`,
  );
  const times = await repeat(rounds, async (round) => {
    await sh(
      `kill -USR1 $(cat /tmp/pid); until [ "$(cat /tmp/memory 2>/dev/null)" = ${round + 1} ]; do sleep 0.05; done`,
    );
    const began = performance.now();
    await api.pause(id);
    const paused = performance.now();
    const diskMb = await allocatedMb(platform.layout.machines);
    const resuming = performance.now();
    await api.resume(id);
    return { pause: paused - began, resume: performance.now() - resuming, diskMb };
  });
  const counts = await sh(
    "cat /tmp/memory; echo; cat /root/disk; echo; wc -c < /root/held; readlink /proc/$(cat /tmp/pid)/fd/3",
  );
  await api.destroy(id);
  const right = counts === [rounds, rounds, rounds, "/root/held"].join("\n");
  say(`    memory, disk and open file at the end: ${right ? "all right" : counts.split("\n").join(", ")}`);
  if (!right) throw new Error("the capsule lost counts");
  const tenth = Math.ceil(rounds / 10);
  const compare = (name: keyof (typeof times)[number], unit: string) => {
    const first = summarize(times.slice(0, tenth).map((time) => time[name]));
    const last = summarize(times.slice(-tenth).map((time) => time[name]));
    say(row(`    ${name}, first ${tenth}`, first, unit));
    say(row(`    ${name}, last ${tenth}`, last, unit, last.p50 / first.p50));
    return { first, last, ratio: last.p50 / first.p50 };
  };
  return {
    rounds,
    pause_ms: compare("pause", "ms"),
    resume_ms: compare("resume", "ms"),
    disk_mb: compare("diskMb", "MB"),
  };
}

async function allocatedMb(folder: string): Promise<number> {
  return Number((await command("du", ["--summarize", "--block-size=1", folder])).split("\t")[0]) / 1024 / 1024;
}
