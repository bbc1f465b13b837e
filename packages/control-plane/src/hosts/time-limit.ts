/** A time limit for calls that a guest answers at once when it is well. */
import { WrennError } from "@wrenn/protocol/errors";

/** Milliseconds that a guest has for what is no work: a signal, a list of what runs. */
export const CONTROL_MS = 30_000;

/**
 * Calls `use` with a signal that aborts with the caller's, or when the time is over.
 * @param caller whose client may leave
 * @throws what `use` throws, and guest_unreachable when the time is over
 */
export async function withinLimit<T>(
  caller: AbortSignal | undefined,
  use: (signal: AbortSignal) => Promise<T>,
  limitMs = CONTROL_MS,
): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), limitMs);
  try {
    return await use(caller === undefined ? limit.signal : AbortSignal.any([caller, limit.signal]));
  } catch (cause) {
    if (!limit.signal.aborted || caller?.aborted) throw cause;
    const message = `the capsule's agent did not answer within ${limitMs / 1000} s; it may have done what was asked`;
    throw new WrennError("guest_unreachable", message, { cause });
  } finally {
    clearTimeout(timer);
  }
}
