/** How busy the machine's CPUs have been since somebody asked the last time. */

/** Milliseconds: clock ticks are 10, so less says nothing. */
const SHORTEST_MS = 100;

export interface CpuReading {
  readonly count: number;
  /** of all CPUs together, 0 to 100 */
  readonly usedPercent: number;
}

export class CpuUsage {
  #busy = 0;
  #total = 0;
  #percent = 0;
  #readAt = Number.NEGATIVE_INFINITY;

  /** @param stat content of /proc/stat @param nowMs of a clock that nobody sets; the first reading is since the boot */
  read(stat: string, nowMs: number): CpuReading {
    const count = stat.match(/^cpu\d/gm)?.length ?? 1;
    if (nowMs - this.#readAt < SHORTEST_MS) return { count, usedPercent: this.#percent };
    // user nice system idle iowait irq softirq steal; guests' time is in user already.
    const times = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? "").split(" ", 8).map(Number);
    const total = times.reduce((sum, time) => sum + time, 0);
    const busy = total - (times[3] ?? 0) - (times[4] ?? 0);
    if (total > this.#total) this.#percent = (100 * Math.max(busy - this.#busy, 0)) / (total - this.#total);
    [this.#busy, this.#total, this.#readAt] = [busy, total, nowMs];
    return { count, usedPercent: this.#percent };
  }
}
