/**
 * One query for all who ask the same thing at the same time. Nobody is given what was read before they asked: whoever comes
 * when a query was sent already waits for the next one, together with all who come until that is sent.
 */

/** Queries of one key that may be under way at a time: the answers of one come while the next is asked. */
const MAX_SENT = 2;

interface Line<Value> {
  sent: number;
  /** of those whose query was not sent yet */
  next: (PromiseWithResolvers<Value> & { readonly query: () => Promise<Value> }) | undefined;
}

export class SharedReads<Value> {
  readonly #lines = new Map<string, Line<Value>>();

  /**
   * @param key what is asked for, with everything that the answer depends on but the database
   * @param query not called when another one with this key is about to be sent. Its answer goes to several: they must not change it
   */
  read(key: string, query: () => Promise<Value>): Promise<Value> {
    const line = this.#lines.get(key) ?? { sent: 0, next: undefined };
    this.#lines.set(key, line);
    if (line.next === undefined) {
      line.next = { query, ...Promise.withResolvers<Value>() };
      // Requests that came with this one are still being read.
      if (line.sent < MAX_SENT) setImmediate(() => this.#send(key, line));
    }
    return line.next.promise;
  }

  #send(key: string, line: Line<Value>): void {
    const turn = line.next;
    if (turn === undefined || line.sent >= MAX_SENT) return;
    line.next = undefined;
    line.sent++;
    const end = () => {
      line.sent--;
      if (line.next !== undefined) this.#send(key, line);
      else if (line.sent === 0) this.#lines.delete(key);
    };
    turn.query().then(turn.resolve, turn.reject).finally(end);
  }
}
