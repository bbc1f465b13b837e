/** Work of many, a few at a time. They take turns: whoever asks much waits for who asks little, and not the other way round. */
import { WrennError } from "@wrenn/protocol/errors";

interface Turn {
  readonly begin: () => void;
  readonly refuse: (reason: WrennError) => void;
}

export class FairTurns {
  readonly #maxWaiting: number;
  readonly #tooMany: string;
  /** in the order of their turns */
  readonly #queues = new Map<string, Turn[]>();
  #free: number;
  #waiting = 0;

  /** @param tooMany message for who is refused */
  constructor(atOnce: number, maxWaiting: number, tooMany: string) {
    this.#free = atOnce;
    this.#maxWaiting = maxWaiting;
    this.#tooMany = tooMany;
  }

  /** @param by who asks. @throws rate_limited when too many wait, of whom `by` has the most */
  async run<T>(by: string, body: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await this.#turn(by);
    try {
      return await body();
    } finally {
      this.#next();
    }
  }

  #turn(by: string): Promise<void> {
    return new Promise((begin, refuse) => {
      const queue = this.#queues.get(by) ?? [];
      queue.push({ begin, refuse });
      this.#queues.set(by, queue);
      this.#waiting++;
      if (this.#waiting > this.#maxWaiting) this.#refuseOne();
    });
  }

  /** The last one of whoever has the most; of several such, of who came last. */
  #refuseOne(): void {
    let [by, longest] = ["", [] as Turn[]];
    for (const [who, queue] of this.#queues) if (queue.length >= longest.length) [by, longest] = [who, queue];
    const turn = longest.pop();
    if (longest.length === 0) this.#queues.delete(by);
    this.#waiting--;
    turn?.refuse(new WrennError("rate_limited", this.#tooMany));
  }

  #next(): void {
    const [first] = this.#queues;
    if (first === undefined) {
      this.#free++;
      return;
    }
    const [by, queue] = first;
    const turn = queue.shift();
    this.#queues.delete(by);
    if (queue.length > 0) this.#queues.set(by, queue);
    this.#waiting--;
    turn?.begin();
  }
}
