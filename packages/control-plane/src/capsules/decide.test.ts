import { isEnded, nextState, STATES, type State } from "@wrenn/protocol/states";
import { describe, expect, it } from "vitest";
import { type Decision, decide, type Machine } from "./decide.ts";

const MACHINES = [
  "absent",
  "starting",
  "running",
  "pausing",
  "paused",
  "resuming",
  "stopping",
  "stopped",
  "error",
] as const;
type MachineStatus = (typeof MACHINES)[number];

function machine(status: MachineStatus, endReason = "", endMessage = ""): Machine | undefined {
  if (status === "absent") return undefined;
  return { status, endReason, endMessage, hostIp: "", pauseReason: "", pausedAtUnix: 0n, endedAtUnix: 0n };
}

/** The act, or the step that it takes. */
const nameOf = (decision: Decision) => ("action" in decision ? decision.action : decision.act);

const same = (act: string) =>
  Object.fromEntries(MACHINES.map((status) => [status, act])) as Record<MachineStatus, string>;

/** What passes by itself decides nothing. */
const follows = (running: string, paused: string, stopped = "ended"): Record<MachineStatus, string> => ({
  ...same("nothing"),
  absent: "fail",
  error: "fail",
  running,
  paused,
  stopped,
});

const unwanted = { ...same("destroy_machine"), absent: "nothing" };

const EXPECTED: Record<State, Record<MachineStatus, string>> = {
  starting: follows("started", "auto_paused", "fail"),
  running: follows("nothing", "auto_paused"),
  pausing: follows("pause_failed", "paused"),
  paused: follows("found", "nothing"),
  resuming: follows("started", "resume_failed"),
  missing: follows("found", "found_paused"),
  stopping: same("finish_stop"),
  stopped: unwanted,
  error: unwanted,
};

describe("decide", () => {
  const pairs = STATES.flatMap((state) => MACHINES.map((status) => [state, status] as const));

  it.each(pairs)("row %s, machine %s", (state, status) => {
    expect(nameOf(decide({ state }, machine(status), false))).toBe(EXPECTED[state][status]);
  });

  it.each(pairs)("leaves row %s, machine %s alone while an operation is in flight", (state, status) => {
    expect(decide({ state }, machine(status), true).act).toBe("nothing");
  });

  it.each(pairs)("takes row %s, machine %s to where the machine is, by a step of the lifecycle", (state, status) => {
    const decision = decide({ state }, machine(status), false);
    if (!("action" in decision)) return;
    const to = nextState(decision.action, state);
    expect(isEnded(to) || to === status).toBe(true);
  });

  it("decides nothing about a status that it does not know", () => {
    for (const state of STATES.filter((one) => !isEnded(one) && one !== "stopping")) {
      const odd = { ...machine("running"), status: "dreaming" } as Machine;
      expect(decide({ state }, odd, false).act).toBe("nothing");
    }
  });

  it("keeps the reason and message of the host", () => {
    expect(decide({ state: "running" }, machine("error", "oom", "the guest ran out of memory"), false)).toEqual({
      act: "end",
      action: "fail",
      reason: "oom",
      message: "the guest ran out of memory",
    });
  });

  it("takes a reason that it does not know for a crash", () => {
    expect(decide({ state: "running" }, machine("error", "gremlins"), false)).toMatchObject({ reason: "crash" });
  });

  it.each(["running", "pausing", "paused", "resuming", "missing"] as const)(
    "calls a capsule that is %s and that its host no longer has lost",
    (state) => {
      expect(decide({ state }, undefined, false)).toMatchObject({ action: "fail", reason: "host_lost" });
    },
  );
});
