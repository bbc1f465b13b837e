/** How tests wait: for a condition, never for a time. */
import { waitFor } from "@wrenn/runtime/wait";

const PATIENCE_MS = 20_000;

/** Polls until there is a value. @throws when there is none for long */
export async function until<T>(probe: () => Promise<T | undefined | false> | T | undefined | false): Promise<T> {
  const value = await waitFor(probe, { timeoutMs: PATIENCE_MS });
  if (value === undefined) throw new Error("what the test waits for does not happen");
  return value;
}
