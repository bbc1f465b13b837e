/**
 * Keeps the clocks of running guests right. An emulated CPU's clock drifts by 0.2 to 0.4 ms a second, and no guest has a time
 * source of its own: the host compares now and then, and corrects what is off.
 */
import { hasCode } from "@wrenn/protocol/errors";
import type { HostContext } from "../host.ts";
import { isRunning, type LiveMachine } from "./registry.ts";

const PERIOD_MS = 60_000;
const TIMEOUT_MS = 5000;
/** A smaller error is not worth a step of the clock. */
const TOLERANCE_MS = 10;

export class ClockKeeper {
  readonly #host: HostContext;
  /** by machine: the life that was looked at, and when it is looked at again */
  readonly #next = new WeakMap<LiveMachine["live"], number>();

  constructor(host: HostContext) {
    this.#host = host;
  }

  tick(now: number): void {
    for (const machine of this.#host.machines.list()) {
      if (!isRunning(machine)) continue;
      const due = this.#next.get(machine.live);
      if (due !== undefined && due > now) continue;
      this.#next.set(machine.live, now + PERIOD_MS);
      void this.#correct(machine);
    }
  }

  async #correct({ record, live }: LiveMachine): Promise<void> {
    try {
      const { offsetMs, monotonicMs, realtimeMs, uncertaintyMs } = await live.guest.clock(TIMEOUT_MS);
      const errorMs = realtimeMs - (monotonicMs + offsetMs);
      if (Math.abs(errorMs) <= TOLERANCE_MS + uncertaintyMs) return;
      await live.guest.init({ clockOffsetMs: offsetMs }, TIMEOUT_MS);
      this.#host.logger.debug({ id: record.id, errorMs }, "corrected the clock of a guest");
    } catch (error) {
      if (!hasCode(error, "guest_unreachable"))
        this.#host.logger.warn({ id: record.id, err: error }, "cannot compare the clock of a guest");
    }
  }
}
