/** What a running supervisor tells other commands, as a file of the state folder. */
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { writeFileAtomic } from "@wrenn/runtime/atomic-file";
import type { Layout } from "@wrenn/runtime/layout";
import { isAlive, type ProcessIdentity } from "@wrenn/runtime/process-identity";

export interface SupervisorState {
  readonly supervisor: ProcessIdentity;
  readonly apiUrl: string;
  readonly vmm: string;
  readonly vmmVersion: string;
  readonly accelerator: string;
  /** pids by component */
  readonly processes: Readonly<Record<string, number>>;
}

/** Undefined when no supervisor runs; a file that a killed one left behind does not count. */
export function readSupervisor(layout: Layout): SupervisorState | undefined {
  try {
    const state = JSON.parse(readFileSync(layout.supervisorFile, "utf8")) as SupervisorState;
    return isAlive(state.supervisor) ? state : undefined;
  } catch {
    return undefined;
  }
}

export async function writeSupervisor(layout: Layout, state: SupervisorState): Promise<void> {
  await writeFileAtomic(layout.supervisorFile, `${JSON.stringify(state, undefined, 2)}\n`, 0o644);
}

export async function removeSupervisor(layout: Layout): Promise<void> {
  await rm(layout.supervisorFile, { force: true });
}
