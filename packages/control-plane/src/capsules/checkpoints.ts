/** The checkpoints of one capsule, for the team that owns it. */
import { type Id, idToUuid } from "@wrenn/protocol/ids";
import type { Page } from "../db/page.ts";
import type { SnapshotRow } from "../db/schema.ts";
import { deleteCheckpoint as remove } from "../snapshots/delete.ts";
import { listCheckpoints as list } from "../snapshots/read.ts";
import type { CapsuleDeps } from "./deps.ts";
import { getCapsule } from "./read.ts";

/** Newest first. @throws not_found */
export async function listCheckpoints(
  deps: CapsuleDeps,
  teamId: string,
  id: Id<"capsule">,
  page: Page,
): Promise<SnapshotRow[]> {
  await getCapsule(deps.db, teamId, id);
  return list(deps.db, idToUuid(id), page);
}

/** @throws not_found for the capsule or the checkpoint, invalid_state while it is made, host_unavailable */
export async function deleteCheckpoint(
  deps: CapsuleDeps,
  teamId: string,
  id: Id<"capsule">,
  name: string,
): Promise<void> {
  await getCapsule(deps.db, teamId, id);
  await remove(deps, idToUuid(id), name);
}
