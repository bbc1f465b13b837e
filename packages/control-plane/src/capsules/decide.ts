/** What to do about one capsule, given its row and what its host says: the rules of reconciliation, without any effect. */
import { type Action, END_REASONS, type EndReason, type State } from "@wrenn/protocol/states";

/** A machine as its host's journal has it. */
export interface Machine {
  /** a state of the lifecycle; any other word decides nothing */
  readonly status: string;
  readonly hostIp: string;
  /** why it ended; empty while it lives */
  readonly endReason: string;
  readonly endMessage: string;
  /** seconds since the epoch, 0 unless it ended by itself */
  readonly endedAtUnix: bigint;
  /** why it is paused; empty unless it is */
  readonly pauseReason: string;
  /** seconds since the epoch, 0 unless it is paused */
  readonly pausedAtUnix: bigint;
}

export type Decision =
  | { readonly act: "nothing" }
  /** the row follows the machine */
  | { readonly act: "move"; readonly action: Action }
  /** the row ends, by itself or by a failure; the machine, if any, is removed, which acknowledges its end to the host */
  | {
      readonly act: "end";
      readonly action: "ended" | "fail";
      readonly reason: EndReason;
      readonly message: string;
    }
  /** remove the machine, then the row is stopped */
  | { readonly act: "finish_stop" }
  /** the row has ended: nobody wants its machine any more */
  | { readonly act: "destroy_machine" };

/** What becomes of a row that has not ended, by the status of its machine. Statuses that pass by themselves are left out. */
interface Rules {
  readonly running?: Action;
  readonly paused?: Action;
  /** the guest powered itself off; without one a machine that stopped is one that failed */
  readonly stopped?: "ended";
  /** why a host that answers has no such machine */
  readonly absent: Pick<Extract<Decision, { act: "end" }>, "reason" | "message">;
}

const LOST = { reason: "host_lost", message: "the host no longer has the capsule" } as const;
const INTERRUPTED = { reason: "crash", message: "the creation of the capsule was interrupted" } as const;

const RULES = {
  starting: { running: "started", paused: "auto_paused", absent: INTERRUPTED },
  running: { paused: "auto_paused", stopped: "ended", absent: LOST },
  pausing: { running: "pause_failed", paused: "paused", stopped: "ended", absent: LOST },
  paused: { running: "found", stopped: "ended", absent: LOST },
  resuming: { running: "started", paused: "resume_failed", stopped: "ended", absent: LOST },
  missing: { running: "found", paused: "found_paused", stopped: "ended", absent: LOST },
} as const satisfies Partial<Record<State, Rules>>;

const NOTHING: Decision = { act: "nothing" };

function move(action: Action | undefined): Decision {
  return action === undefined ? NOTHING : { act: "move", action };
}

function reasonOf(machine: Machine, otherwise: EndReason): EndReason {
  return END_REASONS.find((reason) => reason === machine.endReason) ?? otherwise;
}

function failed(machine: Machine): Decision {
  const message = machine.endMessage || "the machine failed";
  return { act: "end", action: "fail", reason: reasonOf(machine, "crash"), message };
}

function poweredOff(machine: Machine): Decision {
  const message = machine.endMessage || "the capsule powered itself off";
  return { act: "end", action: "ended", reason: reasonOf(machine, "request"), message };
}

function follow(rules: Rules, machine: Machine | undefined): Decision {
  switch (machine?.status) {
    case undefined:
      return { act: "end", action: "fail", ...rules.absent };
    case "running":
    case "paused":
      return move(rules[machine.status]);
    case "stopped":
      return rules.stopped === undefined ? failed(machine) : poweredOff(machine);
    case "error":
      return failed(machine);
    default:
      return NOTHING;
  }
}

/**
 * @param machine undefined when the host answers and has no such machine
 * @param inFlight this process is working on the capsule and will bring it to an end itself
 */
export function decide(row: { readonly state: State }, machine: Machine | undefined, inFlight: boolean): Decision {
  if (inFlight) return NOTHING;
  switch (row.state) {
    case "stopping":
      return { act: "finish_stop" };
    case "stopped":
    case "error":
      return machine === undefined ? NOTHING : { act: "destroy_machine" };
    default:
      return follow(RULES[row.state], machine);
  }
}
