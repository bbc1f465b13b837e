/** What pausing, resuming, forking and waiting machines cost. */
import { parseArgs } from "node:util";
import { Lab } from "@wrenn/testkit/lab";
import { Platform } from "@wrenn/testkit/platform";
import { benchFork } from "./lifecycle/fork.ts";
import { benchPause } from "./lifecycle/pause.ts";
import { benchRounds } from "./lifecycle/rounds.ts";
import { benchFreedMemory, benchSizes } from "./lifecycle/sizes.ts";
import { benchResume, benchWarmPool } from "./lifecycle/start.ts";

/** Figures by part; a part that is not wanted has none. */
type Parts = Record<string, () => Promise<object>>;

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
  const measure = async (parts: Parts) => {
    const figures: Record<string, object> = {};
    for (const [name, part] of Object.entries(parts)) {
      if (wanted?.includes(name) ?? true) figures[name] = await part();
    }
    return figures;
  };
  const lab = await Lab.start();
  const ofHost = await measure({
    pause: () => benchPause(lab, runs),
    freed_memory: () => benchFreedMemory(lab),
    sizes: () => benchSizes(lab, runs),
  }).finally(() => lab.close());
  const platform = await Platform.start();
  const api = await platform.api();
  const ofPlatform = await measure({
    resume: () => benchResume(api, runs),
    warm_pool: () => benchWarmPool(platform, runs),
    fork: () => benchFork(platform, api),
    rounds: () => benchRounds(platform, api, Number(values.rounds)),
  }).finally(() => platform.close());
  return { ...ofHost, ...ofPlatform };
}
