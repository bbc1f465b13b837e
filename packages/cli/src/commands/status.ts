/** `wrenn status`: what runs, where, and for whom. */

import { hasCode } from "@wrenn/protocol/errors";
import { isEnded, type State } from "@wrenn/protocol/states";
import type { Command } from "commander";
import { countLivingCapsules, type Instance, localApiClient, localApiKey, localInstance } from "../instance.ts";
import { json, out } from "../output/print.ts";
import { readSupervisor } from "../supervisor/state.ts";

export function statusCommand(program: Command): void {
  program
    .command("status")
    .description("Show whether Wrenn runs, its address and key, and the number of capsules")
    .option("--json", "print the status as JSON")
    .action(async (options: { json?: boolean }) => {
      const status = await readStatus(localInstance());
      if (options.json === true) json(status);
      else for (const [name, value] of Object.entries(status)) out(`${name.padEnd(12)} ${describe(value)}`);
    });
}

function describe(value: unknown): string {
  if (value === null) return "-";
  return typeof value === "object"
    ? Object.entries(value)
        .map(([name, pid]) => `${name} ${pid}`)
        .join(", ")
    : `${value as string | number}`;
}

async function readStatus(instance: Instance) {
  const { layout } = instance;
  const running = readSupervisor(layout);
  const capsules = running === undefined ? await countLivingCapsules(layout) : await countCapsules(instance);
  return {
    state: running === undefined ? "stopped" : capsules === undefined ? "degraded" : "running",
    api_url: running?.apiUrl ?? null,
    api_key: localApiKey(layout) ?? null,
    dir: layout.dir,
    vmm: running?.vmm ?? null,
    vmm_version: running?.vmmVersion ?? null,
    accelerator: running?.accelerator ?? null,
    capsules: capsules ?? 0,
    processes: running === undefined ? {} : { supervisor: running.supervisor.pid, ...running.processes },
  };
}

/** Undefined when the API does not answer. */
async function countCapsules(instance: Instance): Promise<number | undefined> {
  try {
    const capsules = await localApiClient(instance).list();
    return capsules.filter((capsule) => !isEnded(capsule.status as State)).length;
  } catch (error) {
    if (hasCode(error, "not_running", "database_unavailable", "internal_error")) return undefined;
    throw error;
  }
}
