/**
 * Notices that a program begins or stops to listen, without asking: a tracepoint of the kernel, read by a thread that sleeps
 * until something happens. sock_diag has no such events, and asking every second would wake an idle machine.
 */
import { existsSync, mkdirSync, openSync, read, rmdirSync, writeFileSync } from "node:fs";

/**
 * A trace of the agent's own, so that programs of the capsule have the machine's for themselves. It lies where
 * `images/initramfs/init` mounts tracefs: no other machine than a capsule has it there.
 */
const INSTANCE = "/run/wrenn/tracing/instances/wrenn";
const EVENT = "events/sock/inet_sock_set_state";
/** TCP_LISTEN is state 10, TCP_CLOSE 7. A connection begins as a copy of its listener and leaves LISTEN too: it wakes nobody. */
const FILTER = "newstate == 10 || (oldstate == 10 && newstate == 7)";
/** KiB for each CPU instead of 1408: only that something happened counts. */
const BUFFER_KIB = "4";
/** What happens meanwhile is looked at once; a socket is in the kernel's list only some time after its event. */
const PAUSE_MS = 25;

/**
 * Calls `onClosed` at once with the ports of listeners that are gone, then `onChange` when the new list can be read.
 * False when the kernel does not trace.
 * @param ownAddress of the forwarders, which `onClosed` is not told of
 * @param instance folder of the trace, made anew
 */
export function watchListeners(
  ownAddress: string,
  onClosed: (ports: number[]) => void,
  onChange: () => void,
  instance = INSTANCE,
): boolean {
  try {
    // An agent that was killed leaves its own behind.
    if (existsSync(instance)) rmdirSync(instance);
    mkdirSync(instance);
    writeFileSync(`${instance}/buffer_size_kb`, BUFFER_KIB);
    writeFileSync(`${instance}/${EVENT}/filter`, FILTER);
    writeFileSync(`${instance}/${EVENT}/enable`, "1");
    follow(openSync(`${instance}/trace_pipe`, "r"), (trace) => onClosed(closedPorts(trace, ownAddress)), onChange);
    return true;
  } catch {
    return false;
  }
}

function follow(trace: number, onLines: (lines: string) => void, onChange: () => void): void {
  const buffer = Buffer.allocUnsafeSlow(4096);
  const next = () =>
    read(trace, buffer, 0, buffer.length, null, (error, length) => {
      if (error !== null || length === 0) return;
      onLines(buffer.toString("latin1", 0, length));
      setTimeout(() => {
        onChange();
        next();
      }, PAUSE_MS);
    });
  next();
}

/**
 * The ports in lines of a trace that were listened on before. A forwarder that closes is none of them, or it would look like
 * its program, and the one that took its place would have to close again.
 */
export function closedPorts(trace: string, ownAddress: string): number[] {
  return Array.from(trace.matchAll(/ sport=(\d{1,5}) .* saddr=(\S+) .* oldstate=TCP_LISTEN newstate=TCP_CLOSE$/gm))
    .filter(([, , address]) => address !== ownAddress)
    .map(([, port]) => Number(port));
}
