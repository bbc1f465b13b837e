import { describe, expect, it } from "vitest";
import { bestReading, compareClocks, parseClock } from "./clock.ts";

const guest = { monotonicMs: 2500.25, realtimeMs: 9 };

describe("the guest's clock", () => {
  it("is taken to have been read in the middle of the round trip", () => {
    expect(compareClocks(guest, 1_000_000, 8)).toEqual({ ...guest, offsetMs: 997_495.75, uncertaintyMs: 4 });
  });

  it("keeps the fractions of its answer, and nothing that it adds", () => {
    expect(parseClock('{"monotonicMs":2500.25,"realtimeMs":9,"more":true}')).toEqual(guest);
  });

  it.each([
    "",
    "null",
    "[1,2]",
    "1",
    '{"monotonicMs":1}',
    '{"monotonicMs":"1","realtimeMs":1}',
    '{"monotonicMs":-1,"realtimeMs":1}',
    '{"monotonicMs":1e999,"realtimeMs":1}',
    '{"monotonicMs":1e12,"realtimeMs":1}',
    '{"monotonicMs":1,"realtimeMs":1e300}',
    "[".repeat(60_000),
  ])("is not believed as %.40s", (text) => {
    expect(() => parseClock(text)).toThrow(expect.objectContaining({ code: "agent_error" }));
  });
});

describe("the best reading", () => {
  const readings = (...roundTrips: number[]) => {
    const left = roundTrips.map((roundTrip) => compareClocks(guest, 1_000_000, roundTrip));
    return { left, read: async () => left.shift()! };
  };

  it.each([
    ["is the one with the shortest round trip", [40, 20, 30], 3, 10, 0],
    ["is the first that is good enough", [40, 9, 1], 3, 4.5, 1],
    ["is the only one that was asked for", [40, 1], 1, 20, 1],
  ])("%s", async (_what, roundTrips, samples, uncertaintyMs, notTaken) => {
    const { left, read } = readings(...roundTrips);
    expect(await bestReading(read, samples)).toMatchObject({ uncertaintyMs });
    expect(left).toHaveLength(notTaken);
  });
});
