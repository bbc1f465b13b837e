/** What pausing, resuming, forking and waiting machines cost. */
import { parseArgs } from "node:util";
import { Lab } from "@wrenn/testkit/lab";
import { Platform } from "@wrenn/testkit/platform";
import { benchFork } from "./lifecycle/fork.ts";
import { benchPause } from "./lifecycle/pause.ts";
import { benchRounds } from "./lifecycle/rounds.ts";
import { benchFreedMemory, benchSizes } from "./lifecycle/sizes.ts";
import { benchResume, benchWarmPool } from "./lifecycle/start.ts";

/** Measured on one and the same, which is started when a part of it is wanted. */
type Parts<On> = Record<string, (on: On) => Promise<object>>;

interface Closable {
  close(): Promise<void>;
}

export async function lifecycleBench(args: string[]): Promise<object> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: "string", default: "10" },
      rounds: { type: "string", default: "100" },
      only: { type: "string" },
    },
  });
  const runs = Number(values.runs);
  const wanted = values.only?.split(",");
  const figures: Record<string, object> = {};
  const measure = async <On extends Closable>(start: () => Promise<On>, parts: Parts<On>) => {
    const chosen = Object.entries(parts).filter(([name]) => wanted?.includes(name) ?? true);
    if (chosen.length === 0) return;
    const on = await start();
    try {
      for (const [name, part] of chosen) figures[name] = await part(on);
    } finally {
      await on.close();
    }
  };
  await measure(() => Lab.start(), {
    pause: (lab) => benchPause(lab, runs),
    freed_memory: (lab) => benchFreedMemory(lab),
    sizes: (lab) => benchSizes(lab, runs),
  });
  await measure(() => Platform.start(), {
    resume: async (platform) => benchResume(await platform.api(), runs),
    warm_pool: (platform) => benchWarmPool(platform, runs),
    fork: async (platform) => benchFork(platform, await platform.api()),
    rounds: async (platform) => benchRounds(platform, await platform.api(), Number(values.rounds)),
  });
  return figures;
}
