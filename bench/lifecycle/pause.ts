/** A pause that writes what changed, next to one that lets the VMM write all memory, on the same capsules in turns. */
import { chown, open, rm, stat, writeFile } from "node:fs/promises";
import { destroyMachine } from "@wrenn/host-agent/machines/destroy";
import { pauseMachine } from "@wrenn/host-agent/machines/pause";
import { releaseNetwork, runDirOf } from "@wrenn/host-agent/machines/resources";
import { socketPath } from "@wrenn/host-agent/vmm/qemu/args";
import { Qmp } from "@wrenn/host-agent/vmm/qemu/qmp";
import { syncDirectory } from "@wrenn/runtime/atomic-file";
import { killProcess } from "@wrenn/runtime/process-identity";
import { waitFor } from "@wrenn/runtime/wait";
import { type Lab, MB } from "../lib/lab.ts";
import { row, say } from "../lib/report.ts";
import { repeat, summarize } from "../lib/stats.ts";

const MEMORY_MB = 512;
const WRITTEN_MB = 5;

export async function benchPause(lab: Lab, runs: number): Promise<object> {
  say(`pause of a capsule of ${MEMORY_MB} MiB that has written ${WRITTEN_MB} MiB, until nothing runs any more`);
  await once(lab, diffPause);
  const pairs = await repeat(runs, async () => ({
    ours: await once(lab, diffPause),
    dump: await once(lab, fullPause),
  }));
  const time = { ours: pairs.map(({ ours }) => ours.ms), dump: pairs.map(({ dump }) => dump.ms) };
  const size = { ours: pairs.map(({ ours }) => ours.mb), dump: pairs.map(({ dump }) => dump.mb) };
  const [ours, dump] = [summarize(time.ours), summarize(time.dump)];
  const [oursMb, dumpMb] = [summarize(size.ours), summarize(size.dump)];
  say(row("(a) what changed", ours, "ms"));
  say(row("(b) the VMM writes all memory", dump, "ms", dump.p50 / ours.p50));
  say(row("(a) written", oursMb, "MB"));
  say(row("(b) written", dumpMb, "MB", dumpMb.p50 / oursMb.p50));
  return { time_ms: { ours, dump }, written_mb: { ours: oursMb, dump: dumpMb } };
}

interface Cost {
  readonly ms: number;
  /** allocated on disk */
  readonly mb: number;
}

async function once(lab: Lab, pause: (lab: Lab, id: string) => Promise<Cost>): Promise<Cost> {
  const id = await lab.create(MEMORY_MB);
  await lab.sh(id, `head -c ${WRITTEN_MB}M /dev/urandom > /dev/shm/written`);
  const cost = await pause(lab, id);
  await destroyMachine(lab.host, id);
  return cost;
}

async function diffPause({ host }: Lab, id: string): Promise<Cost> {
  const began = performance.now();
  const { sizeBytes } = await pauseMachine(host, id, "request");
  return { ms: performance.now() - began, mb: sizeBytes / MB };
}

/** The same steps with the VMM's own `migrate` to a file, as fast as it can: no bandwidth limit, no memory that moves meanwhile. */
async function fullPause({ host }: Lab, id: string): Promise<Cost> {
  const { live, record } = host.machines.running(id);
  const folder = host.journal.machineDir(id);
  const file = `${folder}/dump`;
  await writeFile(file, "");
  await chown(file, live.slot.uid, live.slot.uid);
  live.vm.detach();
  const gone = () => false;
  const qmp = await Qmp.connect(socketPath(runDirOf(host, record.vmName)), { timeoutMs: 5000, gone });
  await qmp.execute("migrate-set-parameters", { "max-bandwidth": 0 });

  const began = performance.now();
  live.guest.closeIdle();
  await live.guest.prepare(30_000);
  await qmp.execute("stop");
  await qmp.execute("migrate", { uri: "file:/proc/self/fd/3/dump" });
  const status = async () => ((await qmp.execute("query-migrate")) as { status: string }).status;
  const ended = await waitFor(async () => (await status()) === "completed", { timeoutMs: 60_000, intervalMs: 1 });
  if (ended === undefined) throw new Error(`the VMM's dump is ${await status()}`);
  const handle = await open(file, "r+");
  await handle.sync();
  await handle.close();
  await syncDirectory(folder);
  qmp.close();
  await killProcess(live.vm.process);
  live.guest.close();
  await host.cgroups.remove(record.vmName);
  await releaseNetwork(host, record);
  const ms = performance.now() - began;

  const mb = ((await stat(file)).blocks * 512) / MB;
  await rm(file);
  return { ms, mb };
}
