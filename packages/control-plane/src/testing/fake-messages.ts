/** What the fake host agent sends: its streams, and the phases of its operations. */
import type { SandboxInfo, WatchSandboxesResponse } from "@wrenn/protocol/gen/hostagent_pb";

export const STEP_PHASES = [
  { name: "vmm_start", ms: 40.5 },
  { name: "guest_init", ms: 12 },
];

export type Event = WatchSandboxesResponse["event"];

/** The queue behind one watch stream. */
export class Watcher {
  readonly #queue: Event[] = [];
  #wake = Promise.withResolvers<void>();

  push(event: Event): void {
    this.#queue.push(event);
    this.#wake.resolve();
  }

  async *events(signal: AbortSignal): AsyncGenerator<Event> {
    signal.addEventListener("abort", () => this.#wake.resolve(), { once: true });
    while (!signal.aborted) {
      for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) yield event;
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }
}

export function snapshot(sandboxes: SandboxInfo[]) {
  return { $typeName: "hostagent.v1.WatchSandboxesResponse.Snapshot" as const, sandboxes };
}

export function removed(sandboxId: string) {
  return { $typeName: "hostagent.v1.WatchSandboxesResponse.Removed" as const, sandboxId };
}
