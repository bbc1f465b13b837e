/** The stream of all machines and their changes, for one reader who may be slow but not for ever. */
import { WrennError } from "@wrenn/protocol/errors";
import type { Machine, MachineEvent, Machines } from "./registry.ts";

export type WatchEvent =
  | { readonly kind: "snapshot"; readonly machines: Machine[] }
  | { readonly kind: "keepalive" }
  | MachineEvent;

/** Changes that may wait for the reader; one that is further behind starts anew with a snapshot. */
const MAX_BEHIND = 10_000;

export async function* watchMachines(
  machines: Machines,
  keepaliveMs: number,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent> {
  const waiting: MachineEvent[] = [];
  let wake: () => void = () => {};
  let lost = false;
  const stop = machines.watch((event) => {
    if (waiting.length < MAX_BEHIND) waiting.push(event);
    else lost = true;
    wake();
  });
  try {
    yield { kind: "snapshot", machines: machines.list() };
    while (!signal.aborted) {
      if (lost) throw new WrennError("agent_error", "the reader of changes is too far behind");
      const next = waiting.shift();
      if (next !== undefined) {
        yield next;
        continue;
      }
      const idle = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(true), keepaliveMs);
        wake = () => {
          clearTimeout(timer);
          resolve(false);
        };
        signal.addEventListener("abort", wake, { once: true });
      });
      signal.removeEventListener("abort", wake);
      if (idle) yield { kind: "keepalive" };
    }
  } finally {
    stop();
  }
}
