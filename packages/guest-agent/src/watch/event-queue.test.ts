import { expect, it } from "vitest";
import { bytePath } from "../system/byte-path.ts";
import { EventQueue } from "./event-queue.ts";
import { EventType, type WatchEvent } from "./watch-event.ts";

const event = (type: EventType, name: string): WatchEvent => ({ type, name: bytePath(name) });

it("gives events in order, and each of them once", () => {
  const queue = new EventQueue();
  const events = [event(EventType.CREATE, "a"), event(EventType.WRITE, "a"), event(EventType.REMOVE, "a")];
  for (const each of events) queue.push(each);
  expect(queue.take()).toEqual(events);
  expect(queue.take()).toEqual([]);
});

it("leaves out that the same file was written to again, and nothing else", () => {
  const queue = new EventQueue();
  const events = [
    event(EventType.WRITE, "a"),
    event(EventType.WRITE, "a"),
    event(EventType.WRITE, "b"),
    event(EventType.WRITE, "a"),
    event(EventType.CREATE, "a"),
    event(EventType.CREATE, "a"),
  ];
  for (const each of events) queue.push(each);
  expect(queue.take()).toEqual(events.toSpliced(0, 1));
});

it("has room for so many, then says that some were lost, once, and goes on with the newest", () => {
  const queue = new EventQueue();
  for (let index = 0; index < 10_000; index += 1) queue.push(event(EventType.CREATE, `${index}`));
  const items = queue.take();
  expect(items[0]).toBe("overflow");
  expect(items.length).toBeLessThan(5000);
  expect(items.filter((item) => item === "overflow")).toHaveLength(1);
  expect(items.at(-1)).toEqual(event(EventType.CREATE, "9999"));
  queue.pushOverflow();
  queue.pushOverflow();
  expect(queue.take()).toEqual(["overflow"]);
});
