import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import { Activity } from "./activity.ts";

/** Milliseconds: more than a test takes. */
const LONG = 60_000;

let activity: Activity;
beforeEach(() => {
  activity = new Activity("/nonexistent", 0);
});

it("is idle since its last use, and not while one goes on", () => {
  expect(activity.idleMs(700)).toBe(700);
  const [end, endOther] = [activity.begin(), activity.begin()];
  end();
  end();
  expect(activity.idleMs(Date.now() + LONG)).toBe(0);
  endOther();
  expect(activity.idleMs(activity.lastActiveAt + LONG)).toBe(LONG);
});

describe("draining", () => {
  /** Whether it is over before anything else has happened. */
  function isOver(draining: Promise<void>): Promise<boolean> {
    return Promise.race([draining.then(() => true), turn(false)]);
  }

  it("takes no time when nothing goes on", async () => {
    expect(await isOver(activity.drain(LONG))).toBe(true);
  });

  it("waits for what ends by itself", async () => {
    const end = activity.begin();
    const draining = activity.drain(LONG);
    expect(await isOver(draining)).toBe(false);
    end();
    await draining;
  });

  it("does not wait for a stream that has been open for longer than that", async () => {
    activity.begin();
    await sleep(30);
    expect(await isOver(activity.drain(20))).toBe(true);
    expect(await isOver(activity.drain(LONG))).toBe(false);
  });

  it("waits for nothing any longer than it was told", async () => {
    activity.begin();
    await activity.drain(20);
  });
});
