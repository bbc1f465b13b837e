/** One comparison of all rows and machines of a host. */

import type { SandboxInfo } from "@wrenn/protocol/gen/hostagent_pb";
import { idFromUuid, idToUuid, parseId } from "@wrenn/protocol/ids";
import { isEnded } from "@wrenn/protocol/states";
import type { Semaphore } from "@wrenn/runtime/locks";
import { and, eq, inArray, notInArray } from "drizzle-orm";
import { type CapsuleRow, capsules } from "../db/schema.ts";
import { hostError } from "../hosts/errors.ts";
import type { RegisteredHost } from "../hosts/registry.ts";
import { applyDecision } from "./apply.ts";
import { decide } from "./decide.ts";
import type { CapsuleDeps } from "./deps.ts";

const RPC_TIMEOUT_MS = 60_000;
/** Rows that one query looks up. */
const BATCH = 1000;

export interface PassOptions {
  readonly signal: AbortSignal;
  /** bounds how many decisions are carried out at once */
  readonly slots: Semaphore;
  /** what could not be carried out; the next pass tries again */
  readonly failed: (error: unknown) => void;
}

/**
 * Rows are read before the host is asked: an absent machine is then truly gone, and a row that changes after it was read
 * is left alone by the swap. Returns the names of machines that no row knows.
 * @throws host_unavailable
 */
export async function settleCapsules(deps: CapsuleDeps, host: RegisteredHost, options: PassOptions): Promise<string[]> {
  const rows = await deps.db.queries.select().from(capsules).where(live(host));
  // Work that ends while the host answers may have changed the machine and not the row.
  const busy = await deps.operations.among(rows.map(({ id }) => id));
  const idle = rows.filter(({ id }) => !busy.has(id));
  const machines = await listMachines(deps, host, options.signal);
  const known = new Set(rows.map(({ id }) => idFromUuid("capsule", id) as string));
  const { ended, unknown } = await sort(
    deps,
    host,
    [...machines.keys()].filter((name) => !known.has(name)),
  );
  const machineOf = (row: CapsuleRow) => machines.get(idFromUuid("capsule", row.id));
  const open = [...idle, ...ended].filter((row) => decide(row, machineOf(row), false).act !== "nothing");
  const begun = await deps.operations.among(open.map(({ id }) => id));
  const settle = async (row: CapsuleRow) => {
    const machine = machineOf(row);
    const decision = decide(row, machine, begun.has(row.id) || deps.operations.has(row.id));
    if (decision.act === "nothing") return;
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(RPC_TIMEOUT_MS)]);
    await options.slots.run(() => applyDecision(deps, row, machine, decision, signal)).catch(options.failed);
  };
  await Promise.all(open.map(settle));
  return unknown;
}

function live(host: RegisteredHost) {
  return and(eq(capsules.hostId, host.id), notInArray(capsules.state, ["stopped", "error"]));
}

async function listMachines(
  deps: CapsuleDeps,
  host: RegisteredHost,
  signal: AbortSignal,
): Promise<Map<string, SandboxInfo>> {
  const { unary } = deps.hosts.get(host);
  try {
    const { sandboxes } = await unary.listSandboxes({}, { signal, timeoutMs: RPC_TIMEOUT_MS });
    return new Map(sandboxes.map((machine) => [machine.sandboxId, machine]));
  } catch (error) {
    throw hostError(error);
  }
}

/** UUID of a machine's capsule; undefined when its name is none of ours. */
export function uuidOf(name: string): string | undefined {
  try {
    return idToUuid(parseId("capsule", name));
  } catch {
    return undefined;
  }
}

/**
 * Machines that had no live row: those of rows that have ended, and those that nobody knows. A row that lives now was
 * written after the others were read, and the next pass sees it.
 */
async function sort(deps: CapsuleDeps, host: RegisteredHost, names: string[]) {
  const ended: CapsuleRow[] = [];
  const unknown: string[] = [];
  for (let at = 0; at < names.length; at += BATCH) {
    const batch = names.slice(at, at + BATCH);
    const uuids = batch.map(uuidOf).filter((uuid) => uuid !== undefined);
    const found = await deps.db.queries
      .select()
      .from(capsules)
      .where(and(eq(capsules.hostId, host.id), inArray(capsules.id, uuids)));
    ended.push(...found.filter(({ state }) => isEnded(state)));
    const ids = new Set(found.map(({ id }) => id));
    unknown.push(...batch.filter((name) => !ids.has(uuidOf(name) ?? "")));
  }
  return { ended, unknown };
}
