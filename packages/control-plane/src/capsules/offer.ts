/** Makes a capsule of the platform a template for all teams, in the place of the one that had the name. The capsule ends with it. */
import { type Id, idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import type { SnapshotRow } from "../db/schema.ts";
import { shareSnapshot } from "../snapshots/share.ts";
import type { CapsuleDeps } from "./deps.ts";
import { destroyCapsule } from "./destroy.ts";
import { saveCapsule } from "./save.ts";

/**
 * Until the template is there nothing changes: the capsule goes on, and capsules start from the old one.
 * @param name made up when absent
 * @throws what saving and destroying throw, and snapshot_in_use while capsules of the old template have not ended
 */
export async function offerCapsule(
  deps: CapsuleDeps,
  id: Id<"capsule">,
  name: string | undefined,
): Promise<SnapshotRow> {
  const teamId = idToUuid(PLATFORM_TEAM);
  const saved = await saveCapsule(deps, teamId, id, { kind: "snapshot", pause: false });
  const offered = await shareSnapshot(deps, saved, name);
  await destroyCapsule(deps, teamId, id);
  return offered;
}
