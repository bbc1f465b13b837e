import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { OutputHub, type Subscription } from "./output-hub.ts";
import { LOG_CAPACITY } from "./output-log.ts";

const CHUNK = Buffer.alloc(32_768, "x");

/** A reader that takes `room` chunks, and more when it is given more. */
class Reader {
  readonly seen: string[] = [];
  bytes = 0;
  lost = 0;
  room: number;
  readonly subscription: Subscription;

  constructor(hub: OutputHub, room: number, from?: number) {
    this.room = room;
    const take = () => {
      this.room -= 1;
      return this.room > 0;
    };
    this.subscription = hub.subscribe(
      {
        onOutput: ({ bytes }) => {
          this.bytes += bytes.length;
          this.seen.push("data");
          return take();
        },
        onGap: (lost) => {
          this.lost += lost;
          this.seen.push("gap");
          return take();
        },
        onEnd: () => void this.seen.push("end"),
      },
      from,
    );
  }

  takes(room: number): void {
    this.room = room;
    this.subscription.drained();
  }
}

let holds: boolean[];
let hub: OutputHub;
let written: number;
beforeEach(() => {
  vi.useFakeTimers();
  holds = [];
  written = 0;
  hub = new OutputHub(32_768, (held) => holds.push(held));
});
afterEach(() => void vi.useRealTimers());

/** The process writes until it is held up, or has written so many chunks. */
function write(chunks: number): void {
  for (let count = 0; count < chunks && !hub.isHeld; count += 1) {
    hub.write("stdout", CHUNK);
    written += CHUNK.length;
  }
}

describe("one reader", () => {
  it("that takes everything gets everything, then the end", () => {
    const reader = new Reader(hub, Infinity);
    write(50);
    hub.close();
    expect(reader.bytes).toBe(written);
    expect(reader.seen.at(-1)).toBe("end");
    expect(holds).toEqual([]);
  });

  it("holds the process up while it is behind, as long as it takes something now and then", () => {
    const reader = new Reader(hub, 1);
    for (let round = 0; round < 50; round += 1) {
      write(1000);
      expect(hub.isHeld).toBe(true);
      vi.advanceTimersByTime(9000);
      reader.takes(2);
    }
    reader.takes(Infinity);
    hub.close();
    expect(reader.lost).toBe(0);
    expect(reader.bytes).toBe(written);
  });

  it("that is silent for 10 s is left behind, and told so when it comes back", () => {
    const reader = new Reader(hub, 1);
    write(1000);
    vi.advanceTimersByTime(11_000);
    expect(hub.isHeld).toBe(false);
    write(1000);
    expect(written).toBeGreaterThan(1000 * CHUNK.length);
    reader.takes(Infinity);
    expect(reader.seen.slice(0, 3)).toEqual(["data", "gap", "data"]);
    expect(reader.bytes + reader.lost).toBe(written);
    // It counts again.
    reader.room = 1;
    write(1000);
    expect(hub.isHeld).toBe(true);
  });

  it("that comes back after the end gets the last of the output", () => {
    const reader = new Reader(hub, 1);
    write(1000);
    vi.advanceTimersByTime(11_000);
    write(100);
    hub.close();
    expect(reader.seen).not.toContain("end");
    reader.takes(Infinity);
    expect(reader.seen.at(-1)).toBe("end");
    expect(reader.bytes).toBe(CHUNK.length + LOG_CAPACITY);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("that leaves no longer holds anybody up", () => {
    const reader = new Reader(hub, 1);
    write(1000);
    expect(hub.isHeld).toBe(true);
    reader.subscription.leave();
    expect(holds).toEqual([true, false]);
  });
});

describe("several readers", () => {
  it("lose nothing when one of them is a little slow", () => {
    const fast = new Reader(hub, Infinity);
    const slow = new Reader(hub, 1);
    for (let round = 0; round < 100; round += 1) {
      write(1000);
      vi.advanceTimersByTime(100);
      slow.takes(6);
    }
    slow.takes(Infinity);
    expect([fast.lost, slow.lost]).toEqual([0, 0]);
    expect([fast.bytes, slow.bytes]).toEqual([written, written]);
  });

  it("wait for one that is far too slow for 2 s, once", () => {
    const fast = new Reader(hub, Infinity);
    const slow = new Reader(hub, 1);
    write(1000);
    expect(hub.isHeld).toBe(true);
    for (let tick = 0; tick < 10; tick += 1) {
      vi.advanceTimersByTime(250);
      slow.takes(1);
      write(1);
    }
    expect(hub.isHeld).toBe(false);
    write(1000);
    expect(hub.isHeld).toBe(false);
    slow.takes(2);
    write(1000);
    expect(hub.isHeld).toBe(false);
    expect(fast.bytes).toBe(written);
    expect(fast.lost).toBe(0);
    expect(slow.seen).toContain("gap");
  });

  it("that are all slow are all waited for", () => {
    const readers = [new Reader(hub, 1), new Reader(hub, 1)];
    for (let round = 0; round < 100; round += 1) {
      write(1000);
      vi.advanceTimersByTime(5000);
      for (const reader of readers) reader.takes(2);
    }
    expect(readers.map(({ lost }) => lost)).toEqual([0, 0]);
  });
});

describe("a late reader", () => {
  it("gets what comes from then on, what is kept, or what follows a position", () => {
    for (const text of ["one", "two", "three"]) hub.write("stdout", Buffer.from(text));
    const [live, all, part] = [new Reader(hub, 9), new Reader(hub, 9, 0), new Reader(hub, 9, 3)];
    expect([live.bytes, all.bytes, part.bytes]).toEqual([0, 11, 8]);
    hub.write("stderr", Buffer.from("four"));
    expect([live.bytes, all.bytes, part.bytes]).toEqual([4, 15, 12]);
  });

  it("is told of what is not kept any more, but not when it asked for what is kept", () => {
    write(100);
    const [all, part] = [new Reader(hub, 99, 0), new Reader(hub, 99, 1000)];
    expect([all.lost, all.bytes]).toEqual([0, LOG_CAPACITY]);
    expect([part.lost, part.bytes]).toEqual([written - LOG_CAPACITY - 1000, LOG_CAPACITY]);
  });

  it("of a process that has ended gets the end", () => {
    write(1);
    hub.close();
    expect(new Reader(hub, 9).seen).toEqual(["end"]);
    expect(new Reader(hub, 9, 0).seen).toEqual(["data", "end"]);
  });
});
