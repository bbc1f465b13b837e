/** `wrenn down`: stops the servers, and with --all removes every capsule and every trace on the box. */
import { WrennError } from "@wrenn/protocol/errors";
import { isAlive, signalProcess } from "@wrenn/runtime/process-identity";
import { waitFor } from "@wrenn/runtime/wait";
import type { Command } from "commander";
import { countLivingCapsules, type Instance, localApiClient, localInstance, requireRoot } from "../instance.ts";
import { json, note } from "../output/print.ts";
import { findSupervisor, readSupervisor, removeSupervisor } from "../supervisor/state.ts";

const STOP_TIMEOUT_MS = 90_000;

export function downCommand(program: Command): void {
  program
    .command("down")
    .description("Stop the servers; capsules live on")
    .option("--all", "also destroy all capsules and remove everything of this instance but its images and its database")
    .option("--json", "print the result as JSON")
    .action(async (options: { all?: boolean; json?: boolean }) => {
      requireRoot("down");
      const instance = localInstance();
      const destroyed = options.all === true ? await destroyCapsules(instance) : 0;
      const wasRunning = await stopServers(instance);
      if (options.all === true) await removeTraces(instance);
      const living = await countLivingCapsules(instance.layout);
      if (options.json === true) json({ state: "stopped", destroyed, living });
      else note(describe(wasRunning, options.all === true, destroyed, living));
    });
}

function describe(wasRunning: boolean, all: boolean, destroyed: number, living: number): string {
  const stopped = wasRunning ? "stopped" : "was not running";
  if (all) return `${stopped}; ${plural(destroyed)} destroyed, nothing left behind`;
  return living === 0 ? stopped : `${stopped}; still alive: ${plural(living)}, to be found again by the next start`;
}

function plural(capsules: number): string {
  return `${capsules} ${capsules === 1 ? "capsule" : "capsules"}`;
}

/** Through the API while it runs, so that the database knows; what then is left is removed without it. */
async function destroyCapsules(instance: Instance): Promise<number> {
  if (readSupervisor(instance.layout) === undefined) return 0;
  const api = localApiClient(instance);
  const capsules = await api.list().catch((error: unknown) => {
    note(`the API does not answer (${String(error)}): removing the capsules without it`);
    return [];
  });
  const results = await Promise.allSettled(capsules.map((capsule) => api.destroy(capsule.id)));
  for (const result of results) if (result.status === "rejected") note(String(result.reason));
  return results.filter((result) => result.status === "fulfilled").length;
}

/** Stops whatever of the servers still runs. True when the supervisor did. */
export async function stopServers({ layout }: Instance): Promise<boolean> {
  const supervisor = await findSupervisor(layout);
  if (supervisor !== undefined) {
    signalProcess(supervisor, "SIGTERM");
    const stopped = await waitFor(() => !isAlive(supervisor), { timeoutMs: STOP_TIMEOUT_MS, intervalMs: 50 });
    if (stopped === undefined) {
      throw new WrennError("internal_error", `the supervisor (pid ${supervisor.pid}) does not stop`);
    }
  }
  await removeSupervisor(layout);
  // A control plane that was killed leaves its database running.
  const { stopEmbeddedPostgres } = await import("@wrenn/control-plane/db/embedded/stop");
  await stopEmbeddedPostgres(layout);
  return supervisor !== undefined;
}

async function removeTraces({ config }: Instance): Promise<void> {
  const [{ createHostBase }, { removeAll }] = await Promise.all([
    import("@wrenn/host-agent/context"),
    import("@wrenn/host-agent/remove-all"),
  ]);
  await removeAll(await createHostBase({ ...config, slotPool: 0 }));
}
