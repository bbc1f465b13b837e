import { describe, expect, it } from "vitest";
import { type Action, canApply, isEnded, nextState, PUBLIC_STATUS, STATES, type State, TRANSITIONS } from "./states.ts";

const actions = Object.keys(TRANSITIONS) as Action[];

describe("the lifecycle", () => {
  it("allows exactly the transitions of the table, for every action and state", () => {
    for (const action of actions) {
      for (const state of STATES) {
        const allowed = (TRANSITIONS[action].from as readonly string[]).includes(state);
        expect(canApply(action, state)).toBe(allowed);
        if (allowed) expect(nextState(action, state)).toBe(TRANSITIONS[action].to);
        else expect(() => nextState(action, state)).toThrow();
      }
    }
  });

  it("lets a capsule be stopped from everywhere but the end", () => {
    expect(STATES.filter((state) => !canApply("stop", state))).toEqual(["stopped"]);
  });

  it("has no way out of stopped", () => {
    expect(actions.filter((action) => canApply(action, "stopped"))).toEqual([]);
    expect(STATES.filter(isEnded)).toEqual(["stopped", "error"]);
  });

  it("can follow a host from every state that has not ended: it runs, it is paused, it is over", () => {
    const follow: Partial<Record<State, [runs: Action | undefined, paused: Action | undefined]>> = {
      starting: ["started", "auto_paused"],
      running: [undefined, "auto_paused"],
      pausing: ["pause_failed", "paused"],
      paused: ["found", undefined],
      resuming: ["started", "resume_failed"],
      missing: ["found", "found_paused"],
    };
    for (const state of STATES.filter((one) => !isEnded(one) && one !== "stopping")) {
      const [runs, paused] = follow[state] ?? [];
      expect(runs === undefined ? state : nextState(runs, state), state).toBe("running");
      expect(paused === undefined ? state : nextState(paused, state), state).toBe("paused");
      expect(nextState("fail", state), state).toBe("error");
    }
  });

  it("shows clients only the words they know", () => {
    const known = ["pending", "starting", "running", "paused", "hibernated", "stopped", "missing", "error"];
    for (const status of Object.values(PUBLIC_STATUS)) expect(known).toContain(status);
  });
});
