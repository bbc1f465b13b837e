/** Fork: running copies of a capsule, all of them or none. The source goes on as it was, whatever happens. */
import { randomUUID } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import type { ForkSandboxResponse } from "@wrenn/protocol/gen/hostagent_pb";
import { type Id, idFromUuid, idToUuid } from "@wrenn/protocol/ids";
import { Phases } from "@wrenn/runtime/phases";
import { eq } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { type CapsuleRow, capsules, type Timings } from "../db/schema.ts";
import { hostError } from "../hosts/errors.ts";
import { getHost } from "../hosts/registry.ts";
import { holdTeam } from "../identity/team-lock.ts";
import { reserving } from "../placement/load.ts";
import { admit } from "../placement/place.ts";
import { requireQuota } from "../quotas/quotas.ts";
import { startedFields, timingsOf } from "./answers.ts";
import { failStarting, heldBy, insertStarting } from "./create.ts";
import type { CapsuleDeps } from "./deps.ts";
import { destroyCapsule } from "./destroy.ts";
import { getCapsule, requireSavable } from "./read.ts";
import { transition } from "./transition.ts";

export interface ForkRequest {
  readonly count: number;
  /** idle seconds of the copies; the source's when absent */
  readonly timeoutSec?: number | undefined;
}

export interface ForkResult {
  readonly children: CapsuleRow[];
  readonly timings: Timings;
}

/**
 * @throws not_found, invalid_state unless the source runs or is paused, quota_exceeded, no_hosts_available, host_unavailable, and what
 * the host could not do
 */
export async function forkCapsule(
  deps: CapsuleDeps,
  teamId: string,
  id: Id<"capsule">,
  request: ForkRequest,
): Promise<ForkResult> {
  const source = await getCapsule(deps.db, teamId, id);
  const ids = Array.from({ length: request.count }, () => randomUUID());
  return deps.operations.run([idToUuid(id), ...ids], async () => {
    const phases = new Phases();
    const children = await reserve(deps, source, ids, request.timeoutSec);
    phases.mark("place");
    const answer = await startAll(deps, source, children);
    const timings = timingsOf(phases, answer.phases);
    return { children: await publishAll(deps, children, answer), timings };
  });
}

function reserve(
  deps: CapsuleDeps,
  { id, teamId: ofTeam }: CapsuleRow,
  ids: string[],
  timeoutSec?: number,
): Promise<CapsuleRow[]> {
  return reserving(deps.db, async (tx, hosts) => {
    await holdTeam(tx, ofTeam);
    const source = await lockSource(tx, id);
    await requireQuota(tx, deps.quotas, source.teamId, heldBy(source, ids.length));
    const { memoryMb: eachMb, vcpus: each, diskSizeMb: diskMb } = source;
    const { length } = ids;
    admit(
      source.hostId,
      { memoryMb: eachMb * length, vcpus: each * length, diskMb: diskMb * length },
      hosts,
      deps.placement,
    );
    const { teamId, hostId, template, baseTemplate, snapshotId, vcpus, memoryMb, diskSizeMb, autoResume } = source;
    const same = { teamId, hostId, template, baseTemplate, snapshotId, vcpus, memoryMb, diskSizeMb, autoResume };
    const own = { forkedFrom: source.id, timeoutSec: timeoutSec ?? source.timeoutSec };
    return insertStarting(
      tx,
      ids.map((child) => ({ id: child, ...same, ...own })),
    );
  });
}

/** While it is locked it cannot end, and so the snapshot that it came from cannot be deleted. */
async function lockSource(tx: Queries, id: string): Promise<CapsuleRow> {
  const [source] = await tx.select().from(capsules).where(eq(capsules.id, id)).for("share");
  if (source === undefined) throw new WrennError("not_found", "the capsule does not exist");
  requireSavable(source);
  return source;
}

async function startAll(deps: CapsuleDeps, source: CapsuleRow, children: CapsuleRow[]): Promise<ForkSandboxResponse> {
  try {
    const host = await getHost(deps.db, source.hostId);
    return await deps.hosts.get(host).unary.forkSandbox({
      sandboxId: idFromUuid("capsule", source.id),
      children: children.map(({ id, teamId, timeoutSec }) => {
        return { sandboxId: idFromUuid("capsule", id), teamId, timeoutSec };
      }),
    });
  } catch (error) {
    const known = hostError(error);
    await Promise.all(children.map((child) => failStarting(deps, child, known)));
    throw known;
  }
}

async function publishAll(
  deps: CapsuleDeps,
  children: CapsuleRow[],
  answer: ForkSandboxResponse,
): Promise<CapsuleRow[]> {
  const machines = new Map(answer.children.map((machine) => [machine.sandboxId, machine]));
  const started = await Promise.all(
    children.map(async (child) => {
      const machine = machines.get(idFromUuid("capsule", child.id));
      if (machine === undefined) return undefined;
      const timings: Timings = machine.phases.map(({ name, ms }) => [name, ms]);
      return transition(deps, child, "started", startedFields(machine, timings));
    }),
  );
  const running = started.filter((row) => row !== undefined);
  if (running.length === children.length) return running;
  await Promise.all(children.map((child) => destroyCapsule(deps, child.teamId, idFromUuid("capsule", child.id))));
  throw new WrennError("invalid_state", "a copy was destroyed while it started: none is left");
}
