/** What copies of a running capsule cost, and whether each is a machine of its own. */
import type { ApiClient } from "@wrenn/cli/api/client";
import { findVmms } from "@wrenn/host-agent/machines/sweep";
import { pssMb } from "@wrenn/testkit/memory";
import type { Platform } from "@wrenn/testkit/platform";
import { say } from "../lib/report.ts";

const COPIES = 8;
/** MiB that a process holds: what a fork saves making again. */
const STATE_MB = 200;
const HOLD = `setsid python3 -c 'import os, time; state = os.urandom(1 << 20) * ${STATE_MB}; open("/tmp/ready", "w").close(); time.sleep(1e6)' > /dev/null 2>&1 & until [ -e /tmp/ready ]; do sleep 0.1; done`;

/** What must differ between copies, and a file that each changes for itself. */
const OWN = `
cat /proc/sys/kernel/random/uuid /etc/machine-id /run/wrenn/.WRENN_SANDBOX_ID
head -c 16 /dev/urandom | base64
echo $$-$(cat /run/wrenn/.WRENN_SANDBOX_ID) > /root/mine && cat /root/mine
`;

export async function benchFork(platform: Platform, api: ApiClient): Promise<object> {
  const idle = await forkOne(platform, api, "an idle capsule", "true");
  const holding = await forkOne(platform, api, `a capsule that holds ${STATE_MB} MiB`, HOLD);
  return { copies: COPIES, idle, holding };
}

async function forkOne(platform: Platform, api: ApiClient, what: string, prepare: string): Promise<object> {
  say(`\nfork of ${what} into ${COPIES}`);
  const { id } = await api.create({});
  await api.exec(id, { cmd: "/bin/sh", args: ["-c", prepare] });
  const one = await memoryOf(platform, [id]);
  const began = performance.now();
  const { capsules, timings } = await api.fork(id, { count: COPIES });
  const ms = performance.now() - began;
  const ids = capsules.map((capsule) => capsule.id);
  const answers = await Promise.all(ids.map((copy) => api.exec(copy, { cmd: "/bin/sh", args: ["-c", OWN] })));
  const all = await memoryOf(platform, ids);
  const lines = answers.map(({ stdout }) => stdout.trim().split("\n"));
  const differ = (lines[0] ?? []).every((_line, i) => new Set(lines.map((line) => line[i])).size === COPIES);
  if (!differ) throw new Error(`the copies are not machines of their own: ${JSON.stringify(lines)}`);
  for (const other of [id, ...ids]) await api.destroy(other);
  say(`    all run after ${ms.toFixed(0)} ms; ids, random numbers and files differ`);
  say(
    `    PSS of the one ${one.toFixed(0)} MB, of the ${COPIES} copies ${all.toFixed(0)} MB   ${(all / one).toFixed(2)}×`,
  );
  return { ms, phases_ms: timings, pss_mb: { one, all }, ratio: all / one };
}

/** MiB of all these capsules' VMMs together. */
async function memoryOf(platform: Platform, ids: readonly string[]): Promise<number> {
  const vmms = (await findVmms(platform.layout.run)).filter(({ machine }) => ids.includes(machine));
  const sizes = await Promise.all(vmms.map(({ pid }) => pssMb(pid)));
  if (sizes.length !== ids.length) throw new Error(`${sizes.length} of ${ids.length} VMMs found`);
  return sizes.reduce((sum, size) => sum + size, 0);
}
