/** `wrenn status`: what runs, where, and for whom. */

import { existsSync } from "node:fs";
import { hasCode } from "@wrenn/protocol/errors";
import { isEnded, type State } from "@wrenn/protocol/states";
import type { Command } from "commander";
import { countLivingCapsules, type Instance, localApiClient, localApiKey, localInstance } from "../instance.ts";
import { json, out } from "../output/print.ts";
import { readSupervisor } from "../supervisor/state.ts";

export function statusCommand(program: Command): void {
  program
    .command("status")
    .description("Show whether Wrenn runs, its address and key, and the number of capsules by status")
    .option("--json", "print the status as JSON")
    .action(async (options: { json?: boolean }) => {
      const status = await readStatus(localInstance());
      if (options.json === true) json(status);
      else for (const [name, value] of Object.entries(status)) out(`${name.padEnd(20)} ${describe(value)}`);
    });
}

function describe(value: unknown): string {
  const text =
    value !== null && typeof value === "object"
      ? Object.entries(value)
          .map(([name, number]) => `${name} ${number}`)
          .join(", ")
      : `${(value as string | number | null) ?? ""}`;
  return text === "" ? "-" : text;
}

async function readStatus(instance: Instance) {
  const { layout } = instance;
  const running = readSupervisor(layout);
  const byStatus = running === undefined ? {} : await countByStatus(instance);
  const capsules = running === undefined ? await countLivingCapsules(layout) : sum(byStatus);
  return {
    state: running === undefined ? "stopped" : byStatus === undefined ? "degraded" : "running",
    api_url: running?.apiUrl ?? null,
    api_key: localApiKey(layout) ?? null,
    admin_password_file: existsSync(layout.adminPasswordFile) ? layout.adminPasswordFile : null,
    dir: layout.dir,
    vmm: running?.vmm ?? null,
    vmm_version: running?.vmmVersion ?? null,
    accelerator: running?.accelerator ?? null,
    capsules,
    by_status: byStatus ?? {},
    processes: running === undefined ? {} : { supervisor: running.supervisor.pid, ...running.processes },
  };
}

/** Undefined when the API does not answer. */
async function countByStatus(instance: Instance): Promise<Record<string, number> | undefined> {
  try {
    const capsules = await localApiClient(instance).list();
    const statuses = capsules.map((capsule) => capsule.status).filter((status) => !isEnded(status as State));
    return Object.fromEntries(
      [...new Set(statuses)].map((status) => [status, statuses.filter((s) => s === status).length]),
    );
  } catch (error) {
    if (hasCode(error, "not_running", "database_unavailable", "internal_error")) return undefined;
    throw error;
  }
}

function sum(counts: Readonly<Record<string, number>> = {}): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
