/** What the host agent does by itself while it runs. */

import { isEnded } from "@wrenn/protocol/states";
import type { HostContext } from "../host.ts";
import { ClockKeeper } from "./clock-keeper.ts";
import { releaseEnded } from "./end.ts";
import { exclusively } from "./exclusive.ts";
import { IdleTimer } from "./idle.ts";
import { releasePaused } from "./pausing.ts";
import { SpaceKeeper } from "./space-keeper.ts";
import { UNOBSERVED } from "./steps.ts";
import { sweepResources, sweepStrays } from "./sweep.ts";

const TICK_MS = 1000;
const SWEEP_MS = 60_000;
/** A guest can fill a fast disk by hundreds of MiB in a second. */
const SPACE_MS = 250;

export interface Chores {
  stop(): Promise<void>;
}

export function startChores(host: HostContext): Chores {
  const idle = new IdleTimer(host);
  const clocks = new ClockKeeper(host);
  const space = new SpaceKeeper(host);
  let sweeping: Promise<void> = Promise.resolve();
  const ticks = setInterval(() => {
    const now = Date.now();
    idle.tick(now);
    clocks.tick(now);
    void host.sampler.tick(now);
  }, TICK_MS);
  const looks = setInterval(() => space.tick(), SPACE_MS);
  const sweeps = setInterval(() => {
    sweeping = sweepAll(host).catch((error: unknown) => host.logger.error({ op: "sweep", err: error }, "cannot sweep"));
  }, SWEEP_MS);
  return {
    async stop() {
      clearInterval(ticks);
      clearInterval(looks);
      clearInterval(sweeps);
      await sweeping;
    },
  };
}

async function sweepAll(host: HostContext): Promise<void> {
  for (const { record } of host.machines.list()) {
    if (record.slot === undefined && record.vmm === undefined) continue;
    if (record.state === "paused" || isEnded(record.state)) await releaseAgain(host, record.id);
  }
  const { strays, unreadable } = await host.journal.load();
  await sweepResources(host, unreadable);
  await sweepStrays(host, strays);
}

/** What a pause or an end could not release then. */
function releaseAgain(host: HostContext, id: string): Promise<void> {
  return exclusively(host, id, async () => {
    const record = host.machines.find(id)?.record;
    if (record === undefined) return;
    if (isEnded(record.state)) await releaseEnded(host, record, undefined);
    if (record.state === "paused") await releasePaused(host, record, undefined, UNOBSERVED);
  });
}
