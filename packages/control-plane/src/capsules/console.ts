/** The newest output of a capsule's serial console: what to read when its agent does not answer. */
import { WrennError } from "@wrenn/protocol/errors";
import type { Id } from "@wrenn/protocol/ids";
import { hostError } from "../hosts/errors.ts";
import { getHost } from "../hosts/registry.ts";
import type { CapsuleDeps } from "./deps.ts";
import { getCapsule } from "./read.ts";

/** @throws not_found; invalid_state unless the capsule runs or starts */
export async function readConsole(deps: CapsuleDeps, teamId: string, id: Id<"capsule">): Promise<string> {
  const row = await getCapsule(deps.db, teamId, id);
  if (row.state !== "running" && row.state !== "starting") {
    throw new WrennError("invalid_state", "capsule is not running");
  }
  const host = await getHost(deps.db, row.hostId);
  try {
    const { console } = await deps.hosts.get(host).unary.getConsole({ sandboxId: id });
    return Buffer.from(console).toString("utf8");
  } catch (error) {
    throw hostError(error);
  }
}
