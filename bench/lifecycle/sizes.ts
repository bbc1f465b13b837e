/** Whether the cost of a pause follows what a guest uses, not what it has. */
import { destroyMachine } from "@wrenn/host-agent/machines/destroy";
import { pauseMachine } from "@wrenn/host-agent/machines/pause";
import { resumeMachine } from "@wrenn/host-agent/machines/resume";
import { type Lab, MB } from "@wrenn/testkit/lab";
import { row, say } from "../lib/report.ts";
import { repeat, type Summary, summarize } from "../lib/stats.ts";

const FREED = { memoryMb: 4096, filledMb: 3072 };

/** Half of it in a file of a memory file system, half in a process, none of it zeros. */
const FILL = `
mkdir /run/fill && mount -t tmpfs -o size=3g tmpfs /run/fill
yes filled | head -c ${FREED.filledMb / 2}M > /run/fill/file
python3 -c 'import sys; filled = b"filled!!" * (${FREED.filledMb / 2} << 17); sys.exit(len(filled) != ${FREED.filledMb / 2} << 20)'
rm /run/fill/file
`;

export async function benchFreedMemory(lab: Lab): Promise<object> {
  const { memoryMb, filledMb } = FREED;
  say(`\npause of a capsule of ${memoryMb} MiB that filled ${filledMb} MiB of memory and freed it`);
  const id = await lab.create(memoryMb);
  await lab.sh(id, FILL);
  const { sizeBytes, phases } = await pauseMachine(lab.host, id, "request");
  await destroyMachine(lab.host, id);
  const share = sizeBytes / (memoryMb * MB);
  say(
    `    stored ${(sizeBytes / MB).toFixed(1)} MB, ${(share * 100).toFixed(2)} % of its memory, in ${phases["total"]?.toFixed(0)} ms`,
  );
  return { memory_mb: memoryMb, filled_mb: filledMb, stored_mb: sizeBytes / MB, share, phases_ms: phases };
}

const SIZES_MB = [512, 2048, 8192];
const DIRTY_MB = 50;

export async function benchSizes(lab: Lab, runs: number): Promise<object> {
  say(`\npause and resume with ${DIRTY_MB} MiB of changed memory, by size of the guest`);
  const ids = await Promise.all(SIZES_MB.map((memoryMb) => lab.create(memoryMb)));
  const samples = ids.map(() => ({ pause: [] as number[], resume: [] as number[] }));
  // In turns, so that what else the box does meets all sizes alike.
  await repeat(runs + 1, async (run) => {
    for (const [i, id] of ids.entries()) {
      await lab.sh(id, `head -c ${DIRTY_MB}M /dev/urandom > /dev/shm/changed`);
      const pause = (await pauseMachine(lab.host, id, "request")).phases["total"] ?? Number.NaN;
      const resume = (await resumeMachine(lab.host, id)).phases["total"] ?? Number.NaN;
      if (run === 0) continue;
      samples[i]?.pause.push(pause);
      samples[i]?.resume.push(resume);
    }
  });
  await Promise.all(ids.map((id) => destroyMachine(lab.host, id)));
  const pause = samples.map((sample) => summarize(sample.pause));
  const resume = samples.map((sample) => summarize(sample.resume));
  for (const [name, summaries] of [
    ["pause", pause],
    ["resume", resume],
  ] as const) {
    const smallest = summaries[0]?.p50 ?? Number.NaN;
    for (const [i, summary] of summaries.entries())
      say(row(`    ${name}, ${SIZES_MB[i]} MiB`, summary, "ms", summary.p50 / smallest));
  }
  return {
    sizes_mb: SIZES_MB,
    dirty_mb: DIRTY_MB,
    pause_ms: pause,
    resume_ms: resume,
    spread: { pause: spread(pause), resume: spread(resume) },
  };
}

/** Of the medians: how much longer the longest takes than the shortest. */
function spread(summaries: readonly Summary[]): number {
  const medians = summaries.map(({ p50 }) => p50);
  return Math.max(...medians) / Math.min(...medians) - 1;
}
