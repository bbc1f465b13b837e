/**
 * One query for all who ask the same thing at the same time. Nobody is given what was read before they asked: whoever comes
 * while a query is under way waits for the next one, together with all who come until that begins.
 */

interface Turn<Value> {
  readonly answer: Promise<Value>;
  /** of those who came after the query was sent */
  next?: Promise<Value>;
}

export class SharedReads<Value> {
  readonly #turns = new Map<string, Turn<Value>>();

  /**
   * @param key what is asked for, with everything that the answer depends on but the database
   * @param query not called when another one with this key is about to begin. Its answer goes to several: they must not change it
   */
  read(key: string, query: () => Promise<Value>): Promise<Value> {
    const turn = this.#turns.get(key);
    if (turn === undefined) return this.#begin(key, query);
    const begin = () => this.#begin(key, query);
    turn.next ??= turn.answer.then(begin, begin);
    return turn.next;
  }

  #begin(key: string, query: () => Promise<Value>): Promise<Value> {
    const turn: Turn<Value> = { answer: query() };
    this.#turns.set(key, turn);
    const end = () => {
      if (turn.next === undefined) this.#turns.delete(key);
    };
    turn.answer.then(end, end);
    return turn.answer;
  }
}
