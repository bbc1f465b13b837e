/** What pausing, resuming, forking and waiting machines cost. */
import { parseArgs } from "node:util";
import { Lab } from "@wrenn/testkit/lab";
import { Platform } from "@wrenn/testkit/platform";
import { benchFork } from "./lifecycle/fork.ts";
import { benchPause } from "./lifecycle/pause.ts";
import { benchRounds } from "./lifecycle/rounds.ts";
import { benchFreedMemory, benchSizes } from "./lifecycle/sizes.ts";
import { benchResume, benchWarmPool } from "./lifecycle/start.ts";

export async function lifecycleBench(args: string[]): Promise<object> {
  const options = { runs: { type: "string", default: "10" }, rounds: { type: "string", default: "100" } } as const;
  const { values } = parseArgs({ args, options });
  const runs = Number(values.runs);
  return { ...(await inLab(runs)), ...(await onPlatform(runs, Number(values.rounds))) };
}

async function inLab(runs: number) {
  const lab = await Lab.start();
  try {
    return {
      pause: await benchPause(lab, runs),
      freed_memory: await benchFreedMemory(lab),
      sizes: await benchSizes(lab, runs),
    };
  } finally {
    await lab.close();
  }
}

async function onPlatform(runs: number, rounds: number) {
  const platform = await Platform.start();
  try {
    const api = await platform.api();
    return {
      resume: await benchResume(api, runs),
      warm_pool: await benchWarmPool(platform, runs),
      fork: await benchFork(platform, api),
      rounds: await benchRounds(platform, api, rounds),
    };
  } finally {
    await platform.close();
  }
}
