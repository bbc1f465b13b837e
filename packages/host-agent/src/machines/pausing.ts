/** The two ways out of `pausing`: the machine goes on running, or what it held is released. */
import { isAlive } from "@wrenn/runtime/process-identity";
import type { HostContext } from "../host.ts";
import { endMachine } from "./end.ts";
import { type MachineRecord, without } from "./record.ts";
import type { LiveParts } from "./registry.ts";
import { endVmm, releaseNetwork } from "./resources.ts";
import { tidyMachine } from "./saved.ts";

export interface ReleaseProgress {
  done(step: "commit" | "vmm_end" | "release"): Promise<void>;
}

/**
 * A machine that was to be paused runs on; or, if its VMM died meanwhile, has ended. A journal that cannot be written keeps
 * saying `pausing`, which a restart of the agent reads as: runs on, if it does.
 */
export async function runsOn(host: HostContext, pausing: MachineRecord, live: LiveParts): Promise<void> {
  if (!isAlive(live.vm.process)) return endMachine(host, pausing, live, await live.vm.exited);
  const running = { ...pausing, state: "running" as const, incarnation: pausing.incarnation + 1 };
  host.machines.put(running, live);
  await host.journal.transition(pausing, "pause_failed");
}

/** The machine is paused whatever fails here: what it still holds is in its record, and the sweeper tries again. */
export async function releasePaused(
  host: HostContext,
  paused: MachineRecord,
  live: LiveParts | undefined,
  progress: ReleaseProgress,
): Promise<void> {
  host.machines.put(paused);
  try {
    await progress.done("commit");
    await endVmm(host, paused, live);
    await progress.done("vmm_end");
    await releaseNetwork(host, paused);
    const released = await host.journal.replace(without({ ...paused, vmName: paused.id }, "slot", "vmm"));
    host.machines.put(released);
    await tidyMachine(host, released);
    await progress.done("release");
  } catch (error) {
    host.logger.error({ op: "pause", id: paused.id, err: error }, "a paused capsule still holds something");
  }
}
