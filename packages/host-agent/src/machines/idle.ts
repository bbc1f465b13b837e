/** Pauses machines whose idle time is over. A pause that fails is tried again later: an idle machine is never destroyed. */
import { hasCode } from "@wrenn/protocol/errors";
import type { HostContext } from "../host.ts";
import { pauseMachine } from "./pause.ts";
import type { Machine } from "./registry.ts";

const TRY_AGAIN_MS = 60_000;

export class IdleTimer {
  readonly #host: HostContext;
  /** machines that are being paused, or could not be, and when they are looked at again */
  readonly #notBefore = new Map<string, number>();

  constructor(host: HostContext) {
    this.#host = host;
  }

  /** Starts all pauses that are due; they run at the same time. */
  tick(now: number): void {
    for (const [id, at] of this.#notBefore) if (at <= now) this.#notBefore.delete(id);
    for (const machine of this.#host.machines.list()) {
      if (machine.activity.isInUse) machine.activity.touch();
      if (!this.#isDue(machine, now)) continue;
      const { id } = machine.record;
      this.#notBefore.set(id, Number.POSITIVE_INFINITY);
      void this.#pause(id);
    }
  }

  #isDue({ record, live, activity }: Machine, now: number): boolean {
    if (record.state !== "running" || live === undefined || record.timeoutSec <= 0) return false;
    return activity.idleMs(now) >= record.timeoutSec * 1000 && !this.#notBefore.has(record.id);
  }

  async #pause(id: string): Promise<void> {
    try {
      await pauseMachine(this.#host, id, "idle");
      this.#notBefore.delete(id);
    } catch (error) {
      this.#notBefore.set(id, Date.now() + TRY_AGAIN_MS);
      // Somebody else paused or destroyed it first.
      if (!hasCode(error, "not_found", "invalid_state"))
        this.#host.logger.error({ op: "idle", id, err: error }, "cannot pause an idle capsule; trying again later");
    }
  }
}
