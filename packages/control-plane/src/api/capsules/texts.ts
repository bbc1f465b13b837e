/** The JSON of capsules, kept by the version of their row. */
import type { CapsuleVersion } from "../../capsules/list.ts";
import type { CapsuleRow } from "../../db/schema.ts";
import { toCapsule } from "./view.ts";

/** At some 500 bytes each; the oldest is forgotten first. */
const MAX_KEPT = 10_000;

interface Kept {
  readonly version: string;
  readonly text: string;
}

export class CapsuleTexts {
  readonly #kept = new Map<string, Kept>();

  /** Whether it is known in this version. */
  knows({ id, version }: CapsuleVersion): boolean {
    return this.#kept.get(id)?.version === version;
  }

  keep(row: CapsuleRow, version: string): void {
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(row.id, { version, text: JSON.stringify(toCapsule(row)) });
  }

  /** Undefined for one that was never kept, or forgotten. */
  get(id: string): string | undefined {
    return this.#kept.get(id)?.text;
  }
}
