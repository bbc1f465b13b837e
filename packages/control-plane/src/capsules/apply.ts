/** Carries out what was decided about a capsule. A row that has changed since it was read is left as it is. */
import { idFromUuid } from "@wrenn/protocol/ids";
import { type Action, PAUSE_REASONS, TRANSITIONS } from "@wrenn/protocol/states";
import type { CapsuleRow } from "../db/schema.ts";
import type { Decision, Machine } from "./decide.ts";
import type { CapsuleDeps } from "./deps.ts";
import { destroyMachine, finishStopping } from "./destroy.ts";
import { keepMetrics } from "./metrics.ts";
import { transition } from "./transition.ts";

/** @param unix seconds since the epoch that the host says; now when it says none, or one that is not over */
function timeOf(unix = 0n): Date {
  const now = Date.now();
  const at = Number(unix) * 1000;
  return new Date(at > 0 && at < now ? at : now);
}

function changesOf(action: Action, machine: Machine | undefined) {
  const now = new Date();
  if (TRANSITIONS[action].to === "paused") {
    return {
      pausedAt: timeOf(machine?.pausedAtUnix),
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
    case "move": {
      const moved = await transition(deps, row, decision.action, changesOf(decision.action, machine));
      if (moved?.state === "paused") await keepMetrics(deps, moved);
      return;
    }
    case "finish_stop":
      return finishStopping(deps, row, signal);
    case "destroy_machine":
      return remove();
    case "end": {
      const { action, reason, message } = decision;
      const moved = await transition(deps, row, action, {
        endReason: reason,
        endMessage: message,
        endedAt: timeOf(machine?.endedAtUnix),
      });
      if (moved === undefined || machine === undefined) return;
      await keepMetrics(deps, moved);
      await remove();
      return;
    }
    case "nothing":
  }
}
