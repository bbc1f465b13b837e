/** What a running supervisor tells other commands, as a file of the state folder. */
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { writeFileAtomic } from "@wrenn/runtime/atomic-file";
import type { Layout } from "@wrenn/runtime/layout";
import { identify, isAlive, type ProcessIdentity } from "@wrenn/runtime/process-identity";
import { findLockHolder } from "@wrenn/runtime/process-lock";
import { throwIfDenied } from "../denied.ts";

export interface SupervisorState {
  readonly supervisor: ProcessIdentity;
  readonly apiUrl: string;
  readonly vmm: string;
  readonly vmmVersion: string;
  readonly accelerator: string;
  /** pids by component */
  readonly processes: Readonly<Record<string, number>>;
}

/** Undefined when no supervisor runs; a file that a killed one left behind does not count. @throws forbidden */
export function readSupervisor({ supervisorFile }: Layout, otherwise?: string): SupervisorState | undefined {
  try {
    const state = JSON.parse(readFileSync(supervisorFile, "utf8")) as SupervisorState;
    return isAlive(state.supervisor) ? state : undefined;
  } catch (error) {
    throwIfDenied(error, supervisorFile, otherwise);
    return undefined;
  }
}

/** Name of the lock that a supervisor holds as long as it lives. */
export function supervisorLock(layout: Layout): string {
  return `wrenn-supervisor-${layout.instance}`;
}

/** The process to stop, also when it has not written its file yet or the file is gone. */
export async function findSupervisor(layout: Layout): Promise<ProcessIdentity | undefined> {
  const known = readSupervisor(layout)?.supervisor;
  if (known !== undefined) return known;
  const pid = await findLockHolder(supervisorLock(layout));
  return pid === undefined ? undefined : identify(pid);
}

export async function writeSupervisor(layout: Layout, state: SupervisorState): Promise<void> {
  await writeFileAtomic(layout.supervisorFile, `${JSON.stringify(state, undefined, 2)}\n`, 0o644);
}

export async function removeSupervisor(layout: Layout): Promise<void> {
  await rm(layout.supervisorFile, { force: true });
}
