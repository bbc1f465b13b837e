/** After a step that its host refused: the row says again what the host has, and the caller is told why. */
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import type { SandboxInfo } from "@wrenn/protocol/gen/hostagent_pb";
import { idFromUuid } from "@wrenn/protocol/ids";
import { isEnded } from "@wrenn/protocol/states";
import { eq } from "drizzle-orm";
import { actingAs } from "../audit/actor.ts";
import { SYSTEM } from "../audit/entry.ts";
import { type CapsuleRow, capsules } from "../db/schema.ts";
import { hostError } from "../hosts/errors.ts";
import { getHost } from "../hosts/registry.ts";
import { applyDecision } from "./apply.ts";
import { decide } from "./decide.ts";
import type { CapsuleDeps } from "./deps.ts";

/** More than a host needs to look into its own list. */
const LIST_TIMEOUT_MS = 10_000;

/** Whoever takes the last swap of a step away from it has destroyed the capsule. */
export function destroyedMeanwhile(): WrennError {
  return new WrennError("invalid_state", "the capsule was destroyed meanwhile");
}

/**
 * The error for the caller of a step that left `row` as it is. A host that does not answer leaves the row to the
 * reconciler: only the host knows how far the step came.
 */
export async function stepFailed(deps: CapsuleDeps, row: CapsuleRow, error: unknown): Promise<WrennError> {
  const known = hostError(error);
  if (hasCode(known, "host_unavailable")) return known;
  await followHost(deps, row).catch((cause: unknown) => {
    deps.logger.warn({ event: "settle_failed", capsule: idFromUuid("capsule", row.id), err: cause });
  });
  const [now] = await deps.db.queries.select({ state: capsules.state }).from(capsules).where(eq(capsules.id, row.id));
  const destroyed = now === undefined || now.state === "stopping" || now.state === "stopped";
  return destroyed ? destroyedMeanwhile() : known;
}

/** Moves the row to what its host says of the capsule now. @throws host_unavailable */
export async function followHost(deps: CapsuleDeps, row: CapsuleRow): Promise<void> {
  if (isEnded(row.state) || row.state === "stopping") return;
  const machine = await findMachine(deps, row);
  // It happened before, whoever asks now.
  await actingAs(SYSTEM, () => applyDecision(deps, row, machine, decide(row, machine, false)));
}

async function findMachine(deps: CapsuleDeps, row: CapsuleRow): Promise<SandboxInfo | undefined> {
  const host = await getHost(deps.db, row.hostId);
  try {
    const { unary } = deps.hosts.get(host);
    const { sandboxes } = await unary.listSandboxes({}, { timeoutMs: LIST_TIMEOUT_MS });
    return sandboxes.find(({ sandboxId }) => sandboxId === idFromUuid("capsule", row.id));
  } catch (error) {
    throw hostError(error);
  }
}
