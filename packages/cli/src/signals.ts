/** Signals that ask this command to end. */
import { constants } from "node:os";

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Until it is disposed of, such a signal calls back instead of ending the process. */
export function onEndingSignal(callback: (signal: NodeJS.Signals) => void): Disposable {
  for (const signal of ENDING) process.on(signal, callback);
  return {
    [Symbol.dispose]() {
      for (const signal of ENDING) process.off(signal, callback);
    },
  };
}

/** The exit code of a command that a signal ended, as shells have it. */
export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
