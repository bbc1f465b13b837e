/**
 * The undo stack of a multi-step operation: each step registers its release where it acquires, and success keeps all.
 * A failed release never hides another one, nor the error that caused the undoing.
 */

type Release = () => void | Promise<void>;

export class Undo {
  readonly #steps: { name: string; release: Release }[] = [];
  #kept = false;

  /** Registers how to take back what was just acquired. */
  add(name: string, release: Release): void {
    this.#steps.push({ name, release });
  }

  /** The operation succeeded: nothing is taken back. */
  keep(): void {
    this.#kept = true;
  }

  /** Takes back all steps, newest first. Returns the failures; an empty list means nothing is left behind. */
  async run(): Promise<UndoFailure[]> {
    if (this.#kept) return [];
    const failures: UndoFailure[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.release();
      } catch (error) {
        failures.push({ name: step.name, error });
      }
    }
    return failures;
  }
}

export interface UndoFailure {
  readonly name: string;
  readonly error: unknown;
}

/** Runs `body`; when it throws, takes back what it registered, reports what could not be taken back, and rethrows. */
export async function withUndo<T>(
  body: (undo: Undo) => Promise<T>,
  onFailure: (failures: UndoFailure[]) => void,
): Promise<T> {
  const undo = new Undo();
  try {
    const result = await body(undo);
    undo.keep();
    return result;
  } catch (error) {
    const failures = await undo.run();
    if (failures.length > 0) onFailure(failures);
    throw error;
  }
}

/** Runs `body` with what it acquires, and takes all of it back whether it succeeds or not. */
export async function withCleanup<T>(
  body: (undo: Undo) => Promise<T>,
  onFailure: (failures: UndoFailure[]) => void,
): Promise<T> {
  const undo = new Undo();
  try {
    return await body(undo);
  } finally {
    const failures = await undo.run();
    if (failures.length > 0) onFailure(failures);
  }
}
