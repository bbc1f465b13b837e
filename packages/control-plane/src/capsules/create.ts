/**
 * Create: reserve a place with the row, start the machine, publish the row. It runs to its end even when the client leaves:
 * the capsule is then running and listed, or in error with a reason; never half-made.
 */
import { randomUUID } from "node:crypto";
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import type { CreateSandboxResponse } from "@wrenn/protocol/gen/hostagent_pb";
import { idFromUuid } from "@wrenn/protocol/ids";
import { DEFAULT_TEMPLATE } from "@wrenn/protocol/limits";
import { Phases } from "@wrenn/runtime/phases";
import { eq } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { type CapsuleRow, capsules, type SnapshotRow, teams } from "../db/schema.ts";
import { hostError } from "../hosts/errors.ts";
import { holdTeam } from "../identity/team-lock.ts";
import { reserving } from "../placement/load.ts";
import { admit, type Demand, type HostLoad, place } from "../placement/place.ts";
import { requireQuota } from "../quotas/quotas.ts";
import { lockReadySnapshot } from "../snapshots/read.ts";
import { startedFields, timingsOf } from "./answers.ts";
import type { CapsuleDeps } from "./deps.ts";
import { destroyMachine } from "./destroy.ts";
import { transition } from "./transition.ts";

export interface CreateRequest {
  /** a base template or a snapshot of the team */
  readonly template: string;
  readonly vcpus: number;
  /** MiB */
  readonly memoryMb: number;
  /** MiB */
  readonly diskSizeMb: number;
  /** idle seconds, 0 is never */
  readonly timeoutSec: number;
  readonly autoResume: boolean;
  /** the host must have them */
  readonly tags: readonly string[];
}

/** UUID of the base template in RPCs. */
const MINIMAL_TEMPLATE_ID = "00000000-0000-0000-0000-000000000000";

/** @param id UUID. @throws not_found for an unknown template, quota_exceeded, no_hosts_available, host_unavailable, and what the host could not do */
export function createCapsule(
  deps: CapsuleDeps,
  teamId: string,
  request: CreateRequest,
  id: string = randomUUID(),
): Promise<CapsuleRow> {
  return deps.operations.run(id, async () => {
    const phases = new Phases();
    const { row, host } = await reserve(deps, { id, teamId, ...request });
    phases.mark("place");
    const machine = await start(deps, row, host);
    return publish(deps, row, machine, phases);
  });
}

/** What a snapshot decides about a capsule that starts from it. */
function shapeOf({ template, vcpus, memoryMb, diskSizeMb }: CreateRequest, snapshot: SnapshotRow | undefined) {
  if (snapshot === undefined) return { baseTemplate: template, vcpus, memoryMb, diskSizeMb };
  return {
    baseTemplate: snapshot.template,
    snapshotId: snapshot.id,
    vcpus: snapshot.vcpus,
    memoryMb: snapshot.memoryMb,
    diskSizeMb: Math.max(diskSizeMb, snapshot.diskSizeMb),
  };
}

/** What as many capsules of a shape hold. */
export function heldBy(shape: Pick<CapsuleRow, "vcpus" | "memoryMb" | "diskSizeMb">, count: number) {
  return {
    capsules: count,
    vcpus: shape.vcpus * count,
    memoryMb: shape.memoryMb * count,
    diskMb: shape.diskSizeMb * count,
  };
}

function reserve(
  deps: CapsuleDeps,
  request: CreateRequest & { id: string; teamId: string },
): Promise<{ row: CapsuleRow; host: HostLoad }> {
  return reserving(deps.db, async (tx, hosts) => {
    await holdTeam(tx, request.teamId);
    const { tags, ...values } = request;
    const snapshot = await lockReadySnapshot(tx, request.teamId, request.template);
    const shape = shapeOf(request, snapshot);
    await requireQuota(tx, deps.quotas, request.teamId, heldBy(shape, 1));
    const demand = demandOf(shape);
    const host =
      snapshot === undefined
        ? place({ ...values, ...demand, tags, isByoc: await isByoc(tx, values.teamId) }, hosts, deps.placement)
        : admit(await hostOf(tx, snapshot, request.teamId), demand, hosts, deps.placement, tags);
    const [row] = await insertStarting(tx, [{ ...values, ...shape, hostId: host.id }]);
    if (row === undefined) throw new WrennError("internal_error", "the insert returned no row");
    return { row, host };
  });
}

/** UUID of the one host that has it. @throws no_hosts_available for a team that runs on its own hosts only */
async function hostOf(tx: Queries, snapshot: SnapshotRow, teamId: string): Promise<string> {
  if (snapshot.teamId !== teamId && (await isByoc(tx, teamId))) {
    throw new WrennError(
      "no_hosts_available",
      `template "${snapshot.name}" is on a host of the platform, not of this team`,
    );
  }
  return snapshot.hostId;
}

/** What a capsule of this shape takes of its host. */
export function demandOf({
  memoryMb,
  vcpus,
  diskSizeMb,
}: Pick<CapsuleRow, "memoryMb" | "vcpus" | "diskSizeMb">): Demand {
  return { memoryMb, vcpus, diskMb: diskSizeMb };
}

async function isByoc(tx: Queries, teamId: string): Promise<boolean> {
  const [team] = await tx.select({ isByoc: teams.isByoc }).from(teams).where(eq(teams.id, teamId));
  return team?.isByoc ?? false;
}

export function insertStarting(
  tx: Queries,
  values: Omit<typeof capsules.$inferInsert, "state">[],
): Promise<CapsuleRow[]> {
  return tx
    .insert(capsules)
    .values(values.map((value) => ({ ...value, state: "starting" as const })))
    .returning();
}

function templateIdOf({ snapshotId, template }: CapsuleRow): string {
  return snapshotId ?? (template === DEFAULT_TEMPLATE ? MINIMAL_TEMPLATE_ID : "");
}

async function start(deps: CapsuleDeps, row: CapsuleRow, host: HostLoad): Promise<CreateSandboxResponse> {
  try {
    return await deps.hosts.get(host).unary.createSandbox({
      sandboxId: idFromUuid("capsule", row.id),
      template: row.baseTemplate,
      templateId: templateIdOf(row),
      snapshotId: row.snapshotId ?? "",
      teamId: row.teamId,
      vcpus: row.vcpus,
      memoryMb: row.memoryMb,
      timeoutSec: row.timeoutSec,
      diskSizeMb: row.diskSizeMb,
    });
  } catch (error) {
    const known = publicError(hostError(error), row.template);
    await failStarting(deps, row, known);
    throw known;
  }
}

/** When the host has a machine after all, the reconciler removes it: an ended row may have none. */
export async function failStarting(deps: CapsuleDeps, row: CapsuleRow, error: WrennError): Promise<void> {
  await transition(deps, row, "fail", {
    endReason: hasCode(error, "host_unavailable") ? "host_lost" : "crash",
    endMessage: error.message,
    endedAt: new Date(),
  });
}

/** Only operators set templates up; to a client a template that the host lacks does not exist. */
function publicError(error: WrennError, template: string): WrennError {
  if (!hasCode(error, "template_missing")) return error;
  return new WrennError("not_found", `template "${template}" does not exist`, { cause: error });
}

async function publish(
  deps: CapsuleDeps,
  row: CapsuleRow,
  machine: CreateSandboxResponse,
  phases: Phases,
): Promise<CapsuleRow> {
  const running = await transition(deps, row, "started", startedFields(machine, timingsOf(phases, machine.phases)));
  if (running !== undefined) return running;
  await destroyMachine(deps, row.hostId, idFromUuid("capsule", row.id));
  throw new WrennError("invalid_state", "the capsule was destroyed while it started");
}
