/**
 * The lifecycle of a capsule as data. The database and the host agent's journal apply it by compare-and-swap;
 * clients of the REST API see only the statuses of `PUBLIC_STATUS`.
 */
import { WrennError } from "./errors.ts";

export const STATES = [
  "starting",
  "running",
  "pausing",
  "paused",
  "resuming",
  "stopping",
  "stopped",
  "missing",
  "error",
] as const;

export type State = (typeof STATES)[number];

/** Why a capsule is no longer running. */
export const END_REASONS = ["timeout", "idle", "request", "oom", "crash", "host_lost", "admin"] as const;
export type EndReason = (typeof END_REASONS)[number];

/** Why a capsule is paused. */
export const PAUSE_REASONS = ["request", "idle"] as const;
export type PauseReason = (typeof PAUSE_REASONS)[number];

interface Transition {
  readonly from: readonly State[];
  readonly to: State;
}

const NOT_ENDED = ["starting", "running", "pausing", "paused", "resuming", "missing"] as const;

export const TRANSITIONS = {
  started: { from: ["starting", "resuming"], to: "running" },
  pause: { from: ["running"], to: "pausing" },
  paused: { from: ["pausing"], to: "paused" },
  pause_failed: { from: ["pausing"], to: "running" },
  resume: { from: ["paused"], to: "resuming" },
  resume_failed: { from: ["resuming"], to: "paused" },
  stop: { from: [...NOT_ENDED, "stopping", "error"], to: "stopping" },
  stopped: { from: ["stopping"], to: "stopped" },
  fail: { from: [...NOT_ENDED, "stopping"], to: "error" },
  /** Back to a checkpoint: it goes through `resuming`, because another life begins, and ends as a resume does. */
  rollback: { from: ["running", "paused"], to: "resuming" },
  /** The guest powered itself off. */
  ended: { from: ["running", "pausing", "paused", "resuming", "missing"], to: "stopped" },
  lose_host: { from: ["starting", "running", "pausing", "resuming"], to: "missing" },
  /** Its host runs it, whatever was believed here. */
  found: { from: ["missing", "paused"], to: "running" },
  found_paused: { from: ["missing"], to: "paused" },
  /** Its host paused it by itself, when its idle time was over. */
  auto_paused: { from: ["starting", "running"], to: "paused" },
} as const satisfies Record<string, Transition>;

export type Action = keyof typeof TRANSITIONS;

export function canApply(action: Action, state: State): boolean {
  return (TRANSITIONS[action].from as readonly State[]).includes(state);
}

/** The state after `action`. @throws invalid_state when the table has no such transition */
export function nextState(action: Action, state: State): State {
  if (!canApply(action, state)) {
    throw new WrennError("invalid_state", `a capsule that is ${PUBLIC_STATUS[state]} cannot take the step "${action}"`);
  }
  return TRANSITIONS[action].to;
}

/** States in which nothing of the capsule can come back. */
export function isEnded(state: State): boolean {
  return state === "stopped" || state === "error";
}

/** The status that clients of the REST API see; they reject any other word. */
export const PUBLIC_STATUS = {
  starting: "starting",
  running: "running",
  pausing: "running",
  paused: "paused",
  resuming: "starting",
  stopping: "stopped",
  stopped: "stopped",
  missing: "missing",
  error: "error",
} as const satisfies Record<State, string>;
