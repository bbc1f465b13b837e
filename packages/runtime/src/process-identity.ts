/** Tells a process from a later one with the same pid, so that nothing is ever signalled by mistake. */
import { readFileSync } from "node:fs";
import { waitFor } from "./wait.ts";

export interface ProcessIdentity {
  readonly pid: number;
  /** clock ticks since boot, field 22 of /proc/PID/stat */
  readonly startTime: string;
}

/** The kernel counts CPU time for programs in these, whatever its own tick is. */
const TICKS_PER_SECOND = 100;

/** The fields of /proc/PID/stat from the third on; undefined when no such process lives. */
function statOf(pid: number): string[] | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The command name in parentheses may contain anything; fields are counted from behind it. State Z is a zombie.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : fields;
}

function startTimeOf(pid: number): string | undefined {
  return statOf(pid)?.[19];
}

/** Seconds of CPU that all threads of the process have taken since its start, to a hundredth; undefined when it is gone. */
export function cpuSeconds({ pid, startTime }: ProcessIdentity): number | undefined {
  const fields = statOf(pid);
  if (fields?.[19] !== startTime) return undefined;
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Undefined when no such process lives. */
export function identify(pid: number): ProcessIdentity | undefined {
  const startTime = startTimeOf(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return startTimeOf(identity.pid) === identity.startTime;
}

/** Signals exactly this process; false when it is gone. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Kills exactly this process and waits until it is gone. @throws when it does not go */
export async function killProcess(identity: ProcessIdentity, timeoutMs = 10_000): Promise<void> {
  signalProcess(identity, "SIGKILL");
  const gone = await waitFor(() => !isAlive(identity), { timeoutMs, intervalMs: 2 });
  if (gone === undefined) throw new Error(`process ${identity.pid} does not end`);
}
