/**
 * Notices that a program begins or stops to listen, without asking: a tracepoint of the kernel, read by a thread that sleeps
 * until something happens. sock_diag has no such events, and asking every second would wake an idle machine.
 */
import { openSync, read, writeFileSync } from "node:fs";

/** Where `images/initramfs/init` mounts tracefs: no other machine than a capsule has it there. */
const TRACING = "/run/wrenn/tracing";
const EVENT = "events/sock/inet_sock_set_state";
/** TCP_LISTEN is state 10: filtered by the kernel, so that a connection wakes nobody. */
const FILTER = "newstate == 10 || oldstate == 10";
/** KiB for each CPU instead of 1408: only that something happened counts. */
const BUFFER_KIB = "4";
/** What happens meanwhile is looked at once; a socket is in the kernel's list only some time after its event. */
const PAUSE_MS = 25;

/**
 * Calls `onClosed` at once with the ports of listeners that are gone, then `onChange` when the new list can be read.
 * False when the kernel does not trace, or somebody else reads its trace.
 */
export function watchListeners(onClosed: (ports: number[]) => void, onChange: () => void, tracing = TRACING): boolean {
  try {
    writeFileSync(`${tracing}/buffer_size_kb`, BUFFER_KIB);
    writeFileSync(`${tracing}/${EVENT}/filter`, FILTER);
    writeFileSync(`${tracing}/${EVENT}/enable`, "1");
    follow(openSync(`${tracing}/trace_pipe`, "r"), onClosed, onChange);
    return true;
  } catch {
    return false;
  }
}

function follow(trace: number, onClosed: (ports: number[]) => void, onChange: () => void): void {
  const buffer = Buffer.allocUnsafeSlow(4096);
  const next = () =>
    read(trace, buffer, 0, buffer.length, null, (error, length) => {
      if (error !== null || length === 0) return;
      onClosed(closedPorts(buffer.toString("latin1", 0, length)));
      setTimeout(() => {
        onChange();
        next();
      }, PAUSE_MS);
    });
  next();
}

/** The ports in lines of a trace that were listened on before. */
export function closedPorts(trace: string): number[] {
  return [...trace.matchAll(/ sport=(\d{1,5}) .* oldstate=TCP_LISTEN /g)].map(([, port]) => Number(port));
}
