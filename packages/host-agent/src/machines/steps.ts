/**
 * The named steps of every operation on machines. A step's name stands for its end: it is the name of its phase in timings, and
 * the place where a test makes the agent, the VMM or the disk fail. No step can be taken that is not in this table, and none
 * outside of `operate`, which measures them.
 */
import { Phases } from "@wrenn/runtime/phases";
import type { ProcessIdentity } from "@wrenn/runtime/process-identity";
import type { HostContext } from "../host.ts";
import type { Failpoints } from "./failpoints.ts";

const START = ["disk", "vmm_start", "memory_load", "vmm_restore"] as const;
const CAPTURE = ["quiesce", "stop", "state_save", "memory_save"] as const;

export const STEPS = {
  create: ["template", "network", "journal", "link", ...START, "guest_init", "commit"],
  claim: ["adopt", "guest_init", "commit"],
  pause: ["journal", ...CAPTURE, "publish", "commit", "vmm_end", "release"],
  resume: ["check", "network", "journal", ...START, "guest_init", "commit"],
  snapshot: [...CAPTURE, "overlay_journal", "overlay_switch", "continue", "merge", "publish"],
  fork: [...CAPTURE, "overlay_journal", "overlay_switch", "continue", "merge", "publish", "children"],
  rollback: ["check", "journal", "publish", "commit", "vmm_end", "release"],
  flatten: ["merge_memory", "merge_disk", "publish", "commit", "tidy"],
  flatten_running: ["merge_disk", "commit", "tidy"],
  destroy: ["journal", "vmm_end", "release", "remove"],
} as const satisfies Record<string, readonly string[]>;

export type Operation = keyof typeof STEPS;
export type Step<Op extends Operation> = (typeof STEPS)[Op][number];

/** Time that belongs to no step. */
type Wait = "queued" | "template_cold_boot";

class Progress<Op extends Operation> {
  readonly #phases = new Phases();
  readonly #operation: Op;
  readonly #failpoints: Failpoints;
  /** the machine's VMM while there is one */
  vmm: ProcessIdentity | undefined;

  constructor(operation: Op, failpoints: Failpoints) {
    this.#operation = operation;
    this.#failpoints = failpoints;
  }

  /** The step has ended. */
  async done(step: Step<Op>): Promise<void> {
    this.#phases.mark(step);
    await this.#failpoints.reached(`${this.#operation}.${step}`, this.vmm);
  }

  /** The time since the last mark was spent waiting. */
  waited(name: Wait): void {
    this.#phases.mark(name);
  }

  /** Milliseconds of each phase, and "total". */
  toRecord(): Record<string, number> {
    return this.#phases.toRecord();
  }
}

/** For steps that are no part of an operation: nobody measures them or makes them fail. */
export const UNOBSERVED = { done: () => Promise.resolve() };

/** Only `operate` makes one. */
export type { Progress };

/** Runs an operation, and measures its phases and how it ends. `body` throws what the caller shall see. */
export async function operate<Op extends Operation, Result>(
  host: Pick<HostContext, "failpoints" | "metrics">,
  operation: Op,
  body: (progress: Progress<Op>) => Promise<Result>,
): Promise<Result> {
  const progress = new Progress(operation, host.failpoints);
  try {
    const result = await body(progress);
    host.metrics.succeeded(operation, progress.toRecord());
    return result;
  } catch (error) {
    host.metrics.failed(operation, progress.toRecord(), error);
    throw error;
  }
}
