/** What to do about one capsule, given its row and what its host says: the rules of reconciliation, without any effect. */
import { END_REASONS, type EndReason, type State } from "@wrenn/protocol/states";

/** A machine as its host's journal has it. */
export interface Machine {
  /** starting, running, stopping, stopped or error */
  readonly status: string;
  /** why it ended; empty while it lives */
  readonly endReason: string;
  readonly endMessage: string;
}

export type Decision =
  | { readonly act: "nothing" }
  /** the row says running from now on */
  | { readonly act: "start" }
  /** a host that was missing has it still */
  | { readonly act: "find" }
  /** the row becomes an error; the machine, if any, is removed, which acknowledges its end to the host */
  | { readonly act: "fail"; readonly reason: EndReason; readonly message: string }
  /** the guest powered itself off: the row is stopped, the machine is removed */
  | { readonly act: "end"; readonly reason: EndReason; readonly message: string }
  /** remove the machine, then the row is stopped */
  | { readonly act: "finish_stop" }
  /** the row has ended: nobody wants its machine any more */
  | { readonly act: "destroy_machine" }
  /** rows are written before machines, so this is another database's machine, or this is an old copy of the database */
  | { readonly act: "report_unknown" };

const NOTHING: Decision = { act: "nothing" };

function reasonOf(machine: Machine, otherwise: EndReason): EndReason {
  return END_REASONS.find((reason) => reason === machine.endReason) ?? otherwise;
}

function failed(machine: Machine): Decision {
  return { act: "fail", reason: reasonOf(machine, "crash"), message: machine.endMessage || "the machine failed" };
}

const lost: Decision = { act: "fail", reason: "host_lost", message: "the host no longer has the capsule" };
const interrupted: Decision = { act: "fail", reason: "crash", message: "the creation of the capsule was interrupted" };

function decideStarting(machine: Machine | undefined): Decision {
  switch (machine?.status) {
    case undefined:
      return interrupted;
    case "running":
      return { act: "start" };
    case "error":
    case "stopped":
      return failed(machine);
    default:
      return NOTHING;
  }
}

function decideRunning(machine: Machine | undefined): Decision {
  switch (machine?.status) {
    case undefined:
      return lost;
    case "error":
      return failed(machine);
    case "stopped":
      return {
        act: "end",
        reason: reasonOf(machine, "request"),
        message: machine.endMessage || "the capsule powered itself off",
      };
    default:
      return NOTHING;
  }
}

function decideMissing(machine: Machine | undefined): Decision {
  switch (machine?.status) {
    case undefined:
      return lost;
    case "running":
      return { act: "find" };
    case "error":
    case "stopped":
      return failed(machine);
    default:
      return NOTHING;
  }
}

function decideEnded(machine: Machine | undefined): Decision {
  return machine === undefined ? NOTHING : { act: "destroy_machine" };
}

const RULES: Record<State, (machine: Machine | undefined) => Decision> = {
  starting: decideStarting,
  running: decideRunning,
  missing: decideMissing,
  stopping: () => ({ act: "finish_stop" }),
  stopped: decideEnded,
  error: decideEnded,
  // The host's journal brings these to an end by itself; only the operation that asked knows to which.
  pausing: () => NOTHING,
  paused: () => NOTHING,
  resuming: () => NOTHING,
};

/**
 * @param row undefined when the database has no such capsule
 * @param machine undefined when the host has no such machine
 * @param inFlight this process is working on the capsule and will bring it to an end itself
 */
export function decide(
  row: { readonly state: State } | undefined,
  machine: Machine | undefined,
  inFlight: boolean,
): Decision {
  if (inFlight) return NOTHING;
  if (row !== undefined) return RULES[row.state](machine);
  return machine === undefined ? NOTHING : { act: "report_unknown" };
}
