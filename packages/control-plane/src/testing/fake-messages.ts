/** What the fake host agent sends: its streams, and the phases of its operations. */
import { create } from "@bufbuild/protobuf";
import {
  type ExecStreamRequest,
  ExecStreamResponseSchema,
  type SandboxInfo,
  type WatchSandboxesResponse,
} from "@wrenn/protocol/gen/hostagent_pb";

export const STEP_PHASES = [
  { name: "vmm_start", ms: 40.5 },
  { name: "guest_init", ms: 12 },
];

export type Event = WatchSandboxesResponse["event"];

const text = new TextEncoder();

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

/** `echo`, `bytes`, `flood` (never stops), `hang` (never ends), `slow` (past its timeout), anything else exits with 3. */
export async function* runCommand({ cmd, args }: ExecStreamRequest, signal: AbortSignal) {
  yield exec({ case: "start", value: { pid: 42 } });
  if (cmd === "echo") yield stdout(text.encode(`${args.join(" ")}\n`));
  if (cmd === "bytes") yield stdout(Uint8Array.from([0xff, 0x00, 0x80]));
  if (cmd === "flood") while (!signal.aborted) yield stdout(new Uint8Array(1 << 20).fill(0x61));
  if (cmd === "hang") await aborted(signal);
  const exitCode = ["echo", "bytes"].includes(cmd) ? 0 : 3;
  yield exec({ case: "end", value: { exitCode, error: "", timedOut: cmd === "slow" } });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

function exec(event: NonNullable<Parameters<typeof create<typeof ExecStreamResponseSchema>>[1]>["event"]) {
  return create(ExecStreamResponseSchema, event === undefined ? {} : { event });
}

function stdout(bytes: Uint8Array) {
  return exec({ case: "data", value: { output: { case: "stdout", value: bytes } } });
}
