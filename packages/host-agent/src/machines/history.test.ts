import { describe, expect, it } from "vitest";
import { History } from "./history.ts";

/** A multiple of 300 */
const START = 1_800_000_000;

function filled(seconds: number, cpuPct = (at: number) => at % 100, history = new History()): History {
  for (let at = START; at < START + seconds; at++) {
    history.add({ at, cpuPct: cpuPct(at - START), memBytes: at - START, diskBytes: 4096 });
  }
  return history;
}

describe("History", () => {
  it("has a point of each second, and averages that begin where their time does", () => {
    const history = filled(75, (second) => (second < 30 ? 10 : second % 2 === 0 ? 40 : 60));
    expect(history.points("10m")).toHaveLength(75);
    expect(history.points("10m").at(-1)).toEqual({ at: START + 74, cpuPct: 40, memBytes: 74, diskBytes: 4096 });
    expect(history.points("2h")).toEqual([
      { at: START, cpuPct: 10, memBytes: 15, diskBytes: 4096 },
      { at: START + 30, cpuPct: 50, memBytes: 45, diskBytes: 4096 },
      // The last one is not over.
      { at: START + 60, cpuPct: expect.closeTo(49.33, 1), memBytes: 67, diskBytes: 4096 },
    ]);
    expect(history.points("24h").map(({ at }) => at)).toEqual([START]);
  });

  it("has only the newest of each tier, in order", () => {
    const history = filled(90_000);
    const [seconds, halves, fives] = [history.points("10m"), history.points("2h"), history.points("24h")];
    expect([seconds.length, halves.length, fives.length]).toEqual([600, 240, 288]);
    for (const [points, step] of [
      [seconds, 1],
      [halves, 30],
      [fives, 300],
    ] as const) {
      const last = Math.floor((START + 89_999) / step) * step;
      const expected = points.map((_, index) => last - (points.length - 1 - index) * step);
      expect(points.map(({ at }) => at)).toEqual(expected);
    }
  });

  it("begins where it is asked to", () => {
    expect(filled(100).points("10m", START + 98)).toHaveLength(2);
  });

  it("takes one point of a second, and none of the past", () => {
    const history = filled(10);
    history.add({ at: START + 9, cpuPct: 100, memBytes: 0, diskBytes: 0 });
    history.add({ at: START + 3, cpuPct: 100, memBytes: 0, diskBytes: 0 });
    expect(history.points("10m").map(({ cpuPct }) => cpuPct)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("is the same after it was written down", () => {
    const history = filled(4000);
    const read = new History(JSON.parse(JSON.stringify(history.save())));
    for (const tier of ["10m", "2h", "24h"] as const) expect(read.points(tier)).toEqual(history.points(tier));
  });
});
