/** A pause that writes what changed, next to two that let the VMM write memory, on the same kind of capsule in turns. */
import { chown, open, rm, stat, writeFile } from "node:fs/promises";
import { destroyMachine } from "@wrenn/host-agent/machines/destroy";
import { pauseMachine } from "@wrenn/host-agent/machines/pause";
import { releaseNetwork, runDirOf } from "@wrenn/host-agent/machines/resources";
import { socketPath } from "@wrenn/host-agent/vmm/qemu/args";
import { Qmp } from "@wrenn/host-agent/vmm/qemu/qmp";
import { syncDirectory } from "@wrenn/runtime/atomic-file";
import { killProcess } from "@wrenn/runtime/process-identity";
import { waitFor } from "@wrenn/runtime/wait";
import { type Lab, MB } from "@wrenn/testkit/lab";
import { row, say } from "../lib/report.ts";
import { repeat, summarize } from "../lib/stats.ts";

const MEMORY_MB = 512;
const WRITTEN_MB = 5;

export async function benchPause(lab: Lab, runs: number): Promise<object> {
  say(`pause of a capsule of ${MEMORY_MB} MiB that has written ${WRITTEN_MB} MiB, until nothing runs any more`);
  const ways = {
    "(a) what changed": diffPause,
    "(b) the VMM dumps all memory": vmmPause(dumpAll),
    "(c) the VMM streams what is not zero": vmmPause(migrate),
  };
  const turn = async () => {
    const costs: Record<string, Cost> = {};
    for (const [name, pause] of Object.entries(ways)) costs[name] = await once(lab, pause);
    return costs;
  };
  await turn();
  const turns = await repeat(runs, turn);
  const result: Record<string, object> = {};
  for (const [measure, unit] of [
    ["ms", "ms"],
    ["mb", "MB"],
  ] as const) {
    let ours: number | undefined;
    for (const name of Object.keys(ways)) {
      const summary = summarize(turns.map((costs) => costs[name]?.[measure] ?? Number.NaN));
      ours ??= summary.p50;
      const ratio = summary.p50 / ours;
      say(row(measure === "mb" ? `${name}, stored` : name, summary, unit, ratio));
      result[name] = { ...result[name], [measure]: summary, [`${measure}_ratio`]: ratio };
    }
  }
  return result;
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

type Dump = (qmp: Qmp) => Promise<void>;

const DUMP = "/proc/self/fd/3/dump";

/** Every page, as the VMM's own command for it writes them; device state is small beside it. */
async function dumpAll(qmp: Qmp): Promise<void> {
  await qmp.execute("dump-guest-memory", { paging: false, protocol: `file:${DUMP}` }, 60_000);
}

/** As fast as it can: without a limit of bandwidth, of memory that stands still. */
async function migrate(qmp: Qmp): Promise<void> {
  await qmp.execute("migrate-set-parameters", { "max-bandwidth": 0 });
  await qmp.execute("migrate", { uri: `file:${DUMP}` });
  const status = async () => ((await qmp.execute("query-migrate")) as { status: string }).status;
  const ended = await waitFor(async () => (await status()) === "completed", { timeoutMs: 60_000, intervalMs: 1 });
  if (ended === undefined) throw new Error(`the VMM's stream is ${await status()}`);
}

/** The same steps as a pause has, but for the journal. */
function vmmPause(dump: Dump) {
  return async ({ host }: Lab, id: string): Promise<Cost> => {
    const { live, record } = host.machines.running(id);
    const folder = host.journal.machineDir(id);
    const file = `${folder}/dump`;
    await writeFile(file, "");
    await chown(file, live.slot.uid, live.slot.uid);
    live.vm.detach();
    const gone = () => false;
    const qmp = await Qmp.connect(socketPath(runDirOf(host, record.vmName)), { timeoutMs: 5000, gone });

    const began = performance.now();
    await live.guest.prepare(30_000);
    await qmp.execute("stop");
    await dump(qmp);
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
  };
}
