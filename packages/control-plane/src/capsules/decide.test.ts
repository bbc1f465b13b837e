import { STATES, type State } from "@wrenn/protocol/states";
import { describe, expect, it } from "vitest";
import { decide, type Machine } from "./decide.ts";

const MACHINES = ["absent", "starting", "running", "stopping", "stopped", "error"] as const;
type MachineStatus = (typeof MACHINES)[number];

function machine(status: MachineStatus, endReason = "", endMessage = ""): Machine | undefined {
  return status === "absent" ? undefined : { status, endReason, endMessage };
}

const same = (act: string): Record<MachineStatus, string> => ({
  absent: act,
  starting: act,
  running: act,
  stopping: act,
  stopped: act,
  error: act,
});

const unwanted = { ...same("destroy_machine"), absent: "nothing" };

const EXPECTED: Record<State | "no row", Record<MachineStatus, string>> = {
  "no row": { ...same("report_unknown"), absent: "nothing" },
  starting: {
    absent: "fail",
    starting: "nothing",
    running: "start",
    stopping: "nothing",
    stopped: "fail",
    error: "fail",
  },
  running: {
    absent: "fail",
    starting: "nothing",
    running: "nothing",
    stopping: "nothing",
    stopped: "end",
    error: "fail",
  },
  missing: {
    absent: "fail",
    starting: "nothing",
    running: "find",
    stopping: "nothing",
    stopped: "fail",
    error: "fail",
  },
  stopping: same("finish_stop"),
  stopped: unwanted,
  error: unwanted,
  pausing: same("nothing"),
  paused: same("nothing"),
  resuming: same("nothing"),
};

describe("decide", () => {
  const rows = ["no row", ...STATES] as const;
  const pairs = rows.flatMap((state) => MACHINES.map((status) => [state, status] as const));

  it.each(pairs)("row %s, machine %s", (state, status) => {
    const row = state === "no row" ? undefined : { state };
    expect(decide(row, machine(status), false).act).toBe(EXPECTED[state][status]);
  });

  it.each(pairs)("leaves row %s, machine %s alone while an operation is in flight", (state, status) => {
    const row = state === "no row" ? undefined : { state };
    expect(decide(row, machine(status), true).act).toBe("nothing");
  });

  it("keeps the reason and message of the host", () => {
    expect(decide({ state: "running" }, machine("error", "oom", "the guest ran out of memory"), false)).toEqual({
      act: "fail",
      reason: "oom",
      message: "the guest ran out of memory",
    });
  });

  it("takes a reason that it does not know for a crash", () => {
    expect(decide({ state: "running" }, machine("error", "gremlins"), false)).toMatchObject({ reason: "crash" });
  });

  it("calls a running capsule that its host no longer has lost", () => {
    expect(decide({ state: "running" }, undefined, false)).toMatchObject({ act: "fail", reason: "host_lost" });
  });
});
