/** Carries out what was decided about a capsule. A row that has changed since it was read is left as it is. */
import { idFromUuid } from "@wrenn/protocol/ids";
import { type Action, PAUSE_REASONS, TRANSITIONS } from "@wrenn/protocol/states";
import type { CapsuleRow } from "../db/schema.ts";
import type { Decision, Machine } from "./decide.ts";
import type { CapsuleDeps } from "./deps.ts";
import { destroyMachine, finishStopping } from "./destroy.ts";
import { transition } from "./transition.ts";

function changesOf(action: Action, machine: Machine | undefined) {
  const now = new Date();
  if (TRANSITIONS[action].to === "paused") {
    const since = Number(machine?.pausedAtUnix ?? 0n);
    return {
      pausedAt: since > 0 ? new Date(since * 1000) : now,
      pauseReason: PAUSE_REASONS.find((reason) => reason === machine?.pauseReason) ?? "request",
    };
  }
  return { hostIp: machine?.hostIp || null, ...(action === "started" ? { startedAt: now, lastActiveAt: now } : {}) };
}

export async function applyDecision(
  deps: CapsuleDeps,
  row: CapsuleRow,
  machine: Machine | undefined,
  decision: Decision,
  signal?: AbortSignal,
): Promise<void> {
  const remove = () => destroyMachine(deps, row.hostId, idFromUuid("capsule", row.id), signal);
  switch (decision.act) {
    case "move":
      await transition(deps, row, decision.action, changesOf(decision.action, machine));
      return;
    case "finish_stop":
      return finishStopping(deps, row, signal);
    case "destroy_machine":
      return remove();
    case "end": {
      const { action, reason, message } = decision;
      const moved = await transition(deps, row, action, {
        endReason: reason,
        endMessage: message,
        endedAt: new Date(),
      });
      if (moved !== undefined && machine !== undefined) await remove();
      return;
    }
    case "nothing":
  }
}
