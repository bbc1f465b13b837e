/** What a copy tells while it runs and at its end: bytes, and each thing that could not be copied. */
import type { TransferBar } from "../output/transfer-bar.ts";
import { toText } from "../tar/bytes.ts";
import type { OnFailure } from "../tar/pack.ts";

/** Failures that are told one by one; a hostile archive could make millions. */
const MAX_TOLD = 100;

export interface CopyFailure {
  readonly path: string;
  readonly message: string;
}

export class CopyReport {
  readonly #bar: TransferBar;
  readonly #told: CopyFailure[] = [];
  bytes = 0;
  /** also those that are not told */
  failures = 0;

  constructor(bar: TransferBar) {
    this.#bar = bar;
  }

  get told(): readonly CopyFailure[] {
    return this.#told;
  }

  /** Bytes that will have passed at the end, about; undefined when nobody knows. */
  expect(total: number | undefined): void {
    this.#bar.total = total;
  }

  readonly advance = (bytes: number): void => {
    this.bytes += bytes;
    this.#bar.show(this.bytes);
  };

  /** Takes paths of archives, which are byte strings and begin with `./`. */
  readonly failed: OnFailure = (path, message) => this.fail(toText(path).replace(/^\.\/(?=.)/, ""), message);

  fail(path: string, message: string): void {
    this.failures += 1;
    if (this.#told.length < MAX_TOLD) this.#told.push({ path, message });
  }
}
