/** Ping: the capsule counts as used now. */
import type { Id } from "@wrenn/protocol/ids";
import { hostError } from "../hosts/errors.ts";
import { getHost } from "../hosts/registry.ts";
import { touchCapsule } from "./activity.ts";
import type { CapsuleDeps } from "./deps.ts";
import { getRunningCapsule } from "./read.ts";

/** @throws not_found, invalid_state unless it runs, host_unavailable */
export async function pingCapsule(deps: CapsuleDeps, teamId: string, id: Id<"capsule">): Promise<void> {
  const row = await getRunningCapsule(deps.db, teamId, id);
  const host = await getHost(deps.db, row.hostId);
  try {
    await deps.hosts.get(host).unary.pingSandbox({ sandboxId: id });
  } catch (error) {
    throw hostError(error);
  }
  await touchCapsule(deps.db, row);
}
