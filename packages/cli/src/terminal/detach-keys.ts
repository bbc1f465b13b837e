/** Finds Ctrl-P Ctrl-Q in what is typed: it leaves a terminal without ending what runs in it. */

const CTRL_P = 0x10;
const CTRL_Q = 0x11;

/** Milliseconds after which a Ctrl-P is one of its own. */
const HOLD_MS = 500;

export class DetachKeys {
  readonly #send: (keys: Buffer) => void;
  readonly #detach: () => void;
  /** runs while a Ctrl-P waits for what follows */
  #held: NodeJS.Timeout | undefined;

  /** @param send gets all other keys, in order */
  constructor(send: (keys: Buffer) => void, detach: () => void) {
    this.#send = send;
    this.#detach = detach;
  }

  type(keys: Buffer): void {
    const all = this.#held === undefined ? keys : Buffer.concat([Buffer.of(CTRL_P), keys]);
    this.stop();
    const found = all.indexOf(Buffer.of(CTRL_P, CTRL_Q));
    if (found >= 0) {
      if (found > 0) this.#send(all.subarray(0, found));
      this.#detach();
      return;
    }
    const held = all.at(-1) === CTRL_P;
    const rest = held ? all.subarray(0, -1) : all;
    if (rest.length > 0) this.#send(rest);
    if (held) this.#held = setTimeout(() => this.#release(), HOLD_MS);
  }

  /** Forgets a Ctrl-P that waits. */
  stop(): void {
    clearTimeout(this.#held);
    this.#held = undefined;
  }

  #release(): void {
    this.stop();
    this.#send(Buffer.of(CTRL_P));
  }
}
