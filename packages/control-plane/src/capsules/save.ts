/**
 * Saves a capsule as a snapshot or as a checkpoint. The name is claimed first; a snapshot whose host does not answer keeps
 * it until the reconciler knows whether the host has the files.
 */
import { randomUUID } from "node:crypto";
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import type { CreateSnapshotResponse, SnapshotInfo } from "@wrenn/protocol/gen/hostagent_pb";
import { type Id, idFromUuid, idToUuid } from "@wrenn/protocol/ids";
import { Phases } from "@wrenn/runtime/phases";
import type { CapsuleRow, SnapshotKind, SnapshotRow, Timings } from "../db/schema.ts";
import { hostError } from "../hosts/errors.ts";
import { getHost } from "../hosts/registry.ts";
import { claimName, publishSnapshot } from "../snapshots/claim.ts";
import { discardSnapshot } from "../snapshots/delete.ts";
import { pausedFields, timingsOf } from "./answers.ts";
import type { CapsuleDeps } from "./deps.ts";
import { keepMetrics } from "./metrics.ts";
import { beginPause } from "./pause.ts";
import { getCapsule, requireSavable } from "./read.ts";
import { destroyedMeanwhile, stepFailed } from "./settle.ts";
import { transition } from "./transition.ts";

export interface SaveRequest {
  readonly kind: SnapshotKind;
  /** made up when absent */
  readonly name?: string | undefined;
  /** leave the capsule paused; otherwise it goes on as it was */
  readonly pause: boolean;
}

/**
 * @throws not_found, invalid_state unless the capsule runs or is paused, quota_exceeded, name_reserved, template_name_taken, conflict,
 * host_unavailable, and what the host could not do
 */
export function saveCapsule(
  deps: CapsuleDeps,
  teamId: string,
  id: Id<"capsule">,
  { kind, name, pause }: SaveRequest,
): Promise<SnapshotRow> {
  const snapshotId = randomUUID();
  return deps.operations.run([idToUuid(id), snapshotId], async () => {
    const phases = new Phases();
    const seen = await getCapsule(deps.db, teamId, id);
    requireSavable(seen);
    const claimed = await claimName(deps, claimOf(seen, kind, snapshotId), name);
    const row = pause && seen.state === "running" ? await pauseOrDiscard(deps, seen, claimed) : seen;
    phases.mark("claim");
    const answer = await save(deps, row, claimed, pause);
    return publish(deps, row, claimed, answer, timingsOf(phases, answer.phases));
  });
}

function claimOf(row: CapsuleRow, kind: SnapshotKind, id: string) {
  const { teamId, hostId, vcpus, memoryMb, diskSizeMb } = row;
  return { id, kind, teamId, hostId, capsuleId: row.id, template: row.baseTemplate, vcpus, memoryMb, diskSizeMb };
}

async function pauseOrDiscard(deps: CapsuleDeps, row: CapsuleRow, claimed: SnapshotRow): Promise<CapsuleRow> {
  try {
    return await beginPause(deps, row);
  } catch (error) {
    await discardSnapshot(deps, claimed);
    throw error;
  }
}

async function save(
  deps: CapsuleDeps,
  row: CapsuleRow,
  claimed: SnapshotRow,
  pause: boolean,
): Promise<CreateSnapshotResponse & { snapshot: SnapshotInfo }> {
  const sandboxId = idFromUuid("capsule", row.id);
  try {
    const { unary } = deps.hosts.get(await getHost(deps.db, row.hostId));
    const answer = await unary.createSnapshot({ sandboxId, snapshotId: claimed.id, pause });
    if (answer.snapshot === undefined) throw new WrennError("agent_error", "the host agent did not say what it saved");
    return { ...answer, snapshot: answer.snapshot };
  } catch (error) {
    const known = row.state === "pausing" ? await stepFailed(deps, row, error) : hostError(error);
    if (!hasCode(known, "host_unavailable")) await discardSnapshot(deps, claimed);
    throw known;
  }
}

async function publish(
  deps: CapsuleDeps,
  row: CapsuleRow,
  claimed: SnapshotRow,
  answer: { snapshot: SnapshotInfo },
  timings: Timings,
): Promise<SnapshotRow> {
  const ready = await publishSnapshot(deps, claimed, answer.snapshot, timings);
  // The snapshot is there all the same when the capsule was destroyed before it was called paused.
  if (row.state === "pausing") {
    await transition(deps, row, "paused", pausedFields(timings));
    await keepMetrics(deps, row);
  }
  if (ready !== undefined) return ready;
  await discardSnapshot(deps, claimed);
  throw destroyedMeanwhile();
}
