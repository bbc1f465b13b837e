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
  return { ...(await onHost(measure, runs)), ...(await onPlatform(measure, runs, Number(values.rounds))) };
}

type Measure = (parts: Parts) => Promise<object>;

async function onHost(measure: Measure, runs: number): Promise<object> {
  const lab = await Lab.start();
  try {
    return await measure({
      pause: () => benchPause(lab, runs),
      freed_memory: () => benchFreedMemory(lab),
      sizes: () => benchSizes(lab, runs),
    });
  } finally {
    await lab.close();
  }
}

async function onPlatform(measure: Measure, runs: number, rounds: number): Promise<object> {
  const platform = await Platform.start();
  try {
    const api = await platform.api();
    return await measure({
      resume: () => benchResume(api, runs),
      warm_pool: () => benchWarmPool(platform, runs),
      fork: () => benchFork(platform, api),
      rounds: () => benchRounds(platform, api, rounds),
    });
  } finally {
    await platform.close();
  }
}
