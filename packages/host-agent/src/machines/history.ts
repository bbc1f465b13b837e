/** What was measured of one machine, in three tiers of a fixed size. */
import { METRIC_TIER_NAMES, METRIC_TIERS, type MetricTier } from "@wrenn/protocol/metric-tiers";

export interface MetricPoint {
  /** seconds since the epoch: the beginning of what it is an average of */
  readonly at: number;
  /** 0 to 100, of all vCPUs together */
  readonly cpuPct: number;
  readonly memBytes: number;
  readonly diskBytes: number;
}

/** A point as it is written down. */
export type PointTuple = [at: number, cpuPct: number, memBytes: number, diskBytes: number];

const FIELDS = 4;
const FIRST_POINTS = 32;

/** The newest points, in one array of numbers that grows up to its bound: a host has hundreds of these. */
class Ring {
  readonly #capacity: number;
  #values = new Float64Array(FIRST_POINTS * FIELDS);
  #start = 0;
  #count = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  push(point: PointTuple): void {
    const room = this.#values.length / FIELDS;
    if (this.#count === room && room < this.#capacity) this.#grow(Math.min(room * 2, this.#capacity));
    const size = this.#values.length / FIELDS;
    this.#values.set(point, ((this.#start + this.#count) % size) * FIELDS);
    if (this.#count < size) this.#count++;
    else this.#start = (this.#start + 1) % size;
  }

  /** Ascending. */
  list(): PointTuple[] {
    const size = this.#values.length / FIELDS;
    return Array.from({ length: this.#count }, (_, index) => {
      const from = ((this.#start + index) % size) * FIELDS;
      return [...this.#values.subarray(from, from + FIELDS)] as PointTuple;
    });
  }

  /** It is full, and in order, as long as it grows. */
  #grow(points: number): void {
    const larger = new Float64Array(points * FIELDS);
    larger.set(this.#values);
    this.#values = larger;
  }
}

/** Averages of the points of each window, the last of which is not over. */
class Tier {
  readonly #seconds: number;
  readonly #ring: Ring;
  #window = Number.NaN;
  #sums: PointTuple = [0, 0, 0, 0];
  #count = 0;

  constructor({ seconds, points }: { readonly seconds: number; readonly points: number }) {
    this.#seconds = seconds;
    // The window that is not over is one of the points.
    this.#ring = new Ring(points - 1);
  }

  add([at, ...values]: PointTuple): void {
    const window = Math.floor(at / this.#seconds) * this.#seconds;
    if (window !== this.#window) {
      if (this.#count > 0) this.#ring.push(this.#average());
      this.#window = window;
      this.#sums = [0, 0, 0, 0];
      this.#count = 0;
    }
    for (const [index, value] of values.entries()) this.#sums[index + 1] = (this.#sums[index + 1] ?? 0) + value;
    this.#count++;
  }

  list(): PointTuple[] {
    return this.#count > 0 ? [...this.#ring.list(), this.#average()] : [];
  }

  #average(): PointTuple {
    const [, cpuPct, memBytes, diskBytes] = this.#sums;
    const whole = (sum: number) => Math.round(sum / this.#count);
    return [this.#window, cpuPct / this.#count, whole(memBytes), whole(diskBytes)];
  }
}

export type SavedHistory = Partial<Record<MetricTier, PointTuple[]>>;

export class History {
  readonly #tiers = new Map(METRIC_TIER_NAMES.map((name) => [name, new Tier(METRIC_TIERS[name])]));
  #last = Number.NEGATIVE_INFINITY;

  constructor(saved: SavedHistory = {}) {
    for (const [name, tier] of this.#tiers) for (const point of saved[name] ?? []) tier.add(point);
  }

  /** A second point of one second is left out. */
  add({ at, cpuPct, memBytes, diskBytes }: MetricPoint): void {
    if (at <= this.#last) return;
    this.#last = at;
    for (const tier of this.#tiers.values()) tier.add([at, cpuPct, memBytes, diskBytes]);
  }

  /** Ascending, from `since` on. */
  points(name: MetricTier, since = 0): MetricPoint[] {
    const all = this.#tiers.get(name)?.list() ?? [];
    return all
      .filter(([at]) => at >= since)
      .map(([at, cpuPct, memBytes, diskBytes]) => ({ at, cpuPct, memBytes, diskBytes }));
  }

  save(): SavedHistory {
    return Object.fromEntries([...this.#tiers].map(([name, tier]) => [name, tier.list()]));
  }
}
