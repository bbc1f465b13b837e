/** Events that wait for a client that may be slow. Past a bound all of them give way to the notice that some were lost. */
import { EventType, type WatchEvent } from "./watch-event.ts";

const MAX_EVENTS = 4096;

export type QueueItem = WatchEvent | "overflow";

export class EventQueue {
  #items: QueueItem[] = [];

  push(event: WatchEvent): void {
    if (isRepeated(this.#items.at(-1), event)) return;
    if (this.#items.length >= MAX_EVENTS) this.#items = ["overflow"];
    this.#items.push(event);
  }

  pushOverflow(): void {
    if (this.#items.at(-1) !== "overflow") this.#items.push("overflow");
  }

  /** All that waits, in order. */
  take(): QueueItem[] {
    const items = this.#items;
    this.#items = [];
    return items;
  }
}

/** That a file was written to twice is no more than that it was written to. */
function isRepeated(last: QueueItem | undefined, { type, name }: WatchEvent): boolean {
  if (type !== EventType.WRITE && type !== EventType.CHMOD) return false;
  return last !== undefined && last !== "overflow" && last.type === type && last.name === name;
}
