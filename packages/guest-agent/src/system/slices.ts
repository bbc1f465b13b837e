/** Long work on files, done as a user in slices, so that everybody else is answered in between. */
import { setImmediate } from "node:timers/promises";
import { monotonicMs } from "./clock.ts";
import { asUser } from "./impersonate.ts";
import type { User } from "./users.ts";

/** What others may have to wait for. */
const SLICE_MS = 8;

/** Runs the steps as the user. Each step is short, and nothing that the steps hold is the user's between two of them. */
export async function asUserInSlices<T>(user: User, steps: Generator<void, T>): Promise<T> {
  for (;;) {
    const step = asUser(user, () => runSlice(steps));
    if (step.done) return step.value;
    await setImmediate();
  }
}

function runSlice<T>(steps: Generator<void, T>): IteratorResult<void, T> {
  const end = monotonicMs() + SLICE_MS;
  for (;;) {
    const step = steps.next();
    if (step.done || monotonicMs() > end) return step;
  }
}
