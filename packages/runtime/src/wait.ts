/** Waiting for a condition of the outside world, with a deadline and without busy loops, and being told to stop. */
import { setTimeout as sleep } from "node:timers/promises";

export interface WaitOptions {
  timeoutMs: number;
  intervalMs?: number;
  signal?: AbortSignal | undefined;
}

/** Polls until `probe` returns something else than undefined or false; undefined when the time is over. */
export async function waitFor<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  { timeoutMs, intervalMs = 20, signal }: WaitOptions,
): Promise<T | undefined> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (Date.now() >= deadline) return undefined;
    await sleep(intervalMs, undefined, { signal });
  }
}

/** Whether work ended because its signal told it to, and not by a fault. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
