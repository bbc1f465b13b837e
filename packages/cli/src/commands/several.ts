/** For commands that take several ids or names: all are tried at once, and every failure is told. */
import { WrennError } from "@wrenn/protocol/errors";
import { printError } from "../output/print.ts";

export interface Outcome<T> {
  /** results of those that succeeded, in the order of the names */
  readonly done: readonly T[];
  readonly failures: readonly WrennError[];
}

/** Settles all; where there are several names, each failure's message begins with its own. */
export async function attemptAll<T>(
  names: readonly string[],
  attempt: (name: string) => Promise<T>,
): Promise<Outcome<T>> {
  const results = await Promise.allSettled(names.map(attempt));
  const done = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const failures = results.flatMap((result, i) => {
    if (result.status === "fulfilled") return [];
    const error = WrennError.from(result.reason, "internal_error", String(result.reason));
    return names.length === 1 ? [error] : [new WrennError(error.code, `${names[i]}: ${error.message}`)];
  });
  return { done, failures };
}

/** Prints each failure on stderr, as JSON one a line; any of them makes the exit code 1. */
export function reportFailures({ failures }: Outcome<unknown>, asJson: boolean): void {
  for (const failure of failures) printError(failure, asJson);
  if (failures.length > 0) process.exitCode = 1;
}
