/**
 * Create: reserve a place with the row, start the machine, publish the row. It runs to its end even when the client leaves:
 * the capsule is then running and listed, or in error with a reason; never half-made.
 */
import { randomUUID } from "node:crypto";
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import type { CreateSandboxResponse } from "@wrenn/protocol/gen/hostagent_pb";
import { idFromUuid } from "@wrenn/protocol/ids";
import { DEFAULT_TEMPLATE, LIMITS } from "@wrenn/protocol/limits";
import { Phases } from "@wrenn/runtime/phases";
import { and, eq, inArray, sql } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { ADVISORY_LOCKS } from "../db/locks.ts";
import { type CapsuleRow, capsules, hosts } from "../db/schema.ts";
import { hostError } from "../hosts/errors.ts";
import { type HostLoad, place, RESERVING_STATES } from "../placement/place.ts";
import type { CapsuleDeps } from "./deps.ts";
import { destroyMachine } from "./destroy.ts";
import { transition } from "./transition.ts";

export interface CreateRequest {
  readonly template: string;
  readonly vcpus: number;
  /** MiB */
  readonly memoryMb: number;
  /** idle seconds, 0 is never */
  readonly timeoutSec: number;
}

/** UUID of the base template in RPCs. */
const MINIMAL_TEMPLATE_ID = "00000000-0000-0000-0000-000000000000";

/** @throws not_found for an unknown template, no_hosts_available, and what the host could not do */
export function createCapsule(deps: CapsuleDeps, teamId: string, request: CreateRequest): Promise<CapsuleRow> {
  const id = randomUUID();
  return deps.operations.run(id, async () => {
    const phases = new Phases();
    const { row, host } = await reserve(deps, { id, teamId, ...request });
    phases.mark("place");
    const machine = await start(deps, row, host);
    return publish(deps, row, host, machine, phases);
  });
}

async function hostLoads(queries: Queries): Promise<HostLoad[]> {
  return queries
    .select({
      id: hosts.id,
      address: hosts.address,
      status: hosts.status,
      memoryMb: hosts.memoryMb,
      reservedMb: sql<number>`coalesce(sum(${capsules.memoryMb}), 0)::int`,
    })
    .from(hosts)
    .leftJoin(capsules, and(eq(capsules.hostId, hosts.id), inArray(capsules.state, [...RESERVING_STATES])))
    .groupBy(hosts.id);
}

/** One capsule is placed at a time, so that two cannot take the same memory. */
function reserve(
  deps: CapsuleDeps,
  values: CreateRequest & { id: string; teamId: string },
): Promise<{ row: CapsuleRow; host: HostLoad }> {
  return deps.db.queries.transaction(async (tx) => {
    await tx.execute(sql`SELECT pg_advisory_xact_lock(${ADVISORY_LOCKS.placement})`);
    const host = place(values, await hostLoads(tx), deps.placement);
    const [row] = await tx
      .insert(capsules)
      .values({ ...values, hostId: host.id, state: "starting" })
      .returning();
    if (row === undefined) throw new WrennError("internal_error", "the insert returned no row");
    return { row, host };
  });
}

async function start(deps: CapsuleDeps, row: CapsuleRow, host: HostLoad): Promise<CreateSandboxResponse> {
  try {
    return await deps.hosts.get(host.address).unary.createSandbox({
      sandboxId: idFromUuid("capsule", row.id),
      template: row.template,
      templateId: row.template === DEFAULT_TEMPLATE ? MINIMAL_TEMPLATE_ID : "",
      teamId: row.teamId,
      vcpus: row.vcpus,
      memoryMb: row.memoryMb,
      timeoutSec: row.timeoutSec,
      diskSizeMb: LIMITS.diskSizeMb,
    });
  } catch (error) {
    const known = publicError(hostError(error), row.template);
    // When the host has a machine after all, the reconciler removes it: an ended row may have none.
    await transition(deps, row, "fail", {
      endReason: hasCode(known, "host_unavailable") ? "host_lost" : "crash",
      endMessage: known.message,
      endedAt: new Date(),
    });
    throw known;
  }
}

/** Only operators set templates up; to a client a template that the host lacks does not exist. */
function publicError(error: WrennError, template: string): WrennError {
  if (!hasCode(error, "template_missing")) return error;
  return new WrennError("not_found", `template "${template}" does not exist`, { cause: error });
}

async function publish(
  deps: CapsuleDeps,
  row: CapsuleRow,
  host: HostLoad,
  machine: CreateSandboxResponse,
  phases: Phases,
): Promise<CapsuleRow> {
  const now = new Date();
  const { total = 0, ...own } = phases.toRecord();
  const ofHost = machine.phases.map(({ name, ms }): [string, number] => [name, ms]);
  const running = await transition(deps, row, "started", {
    hostIp: machine.hostIp || null,
    metadata: Object.keys(machine.metadata).length > 0 ? machine.metadata : null,
    timings: [...Object.entries(own), ...ofHost, ["total", total]],
    startedAt: now,
    lastActiveAt: now,
  });
  if (running !== undefined) return running;
  await destroyMachine(deps, host.id, idFromUuid("capsule", row.id));
  throw new WrennError("invalid_state", "the capsule was destroyed while it started");
}
