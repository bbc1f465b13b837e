/** What a process says, as a stream that begins with its pid and ends with its end. */
import type { ConnectResponse, ProcessEvent, StartResponse } from "@wrenn/protocol/gen/process_pb";
import type { GuestClient } from "../hosts/guest-client.ts";
import { connectionBroke, guestError } from "../hosts/guest-errors.ts";

export type ProcessOutput = Extract<ProcessEvent["event"], { case: "data" | "end" | "gap" }>;

export interface ProcessStream extends Disposable {
  readonly guest: GuestClient;
  readonly pid: number;
  /** What follows; it ends after the end event. It waits for its reader. @throws guest_unreachable when it breaks before that */
  readonly output: AsyncIterable<ProcessOutput>;
}

/** Milliseconds that a guest has to end the answer after the last event: what it ends can carry the next call. */
const END_MS = 1_000;

type Call = (options: { signal: AbortSignal }) => AsyncIterable<StartResponse | ConnectResponse>;

/**
 * Resolves when the process has told its pid. Disposing of the stream leaves the process as it is.
 * @param signal ends the wait; the stream ends by itself or by being disposed of
 */
export async function openProcess(guest: GuestClient, call: Call, signal?: AbortSignal): Promise<ProcessStream> {
  const closing = new AbortController();
  const close = () => closing.abort();
  signal?.addEventListener("abort", close, { once: true });
  try {
    signal?.throwIfAborted();
    const events = eventsOf(call({ signal: closing.signal }));
    for (let next = await events.next(); next.done !== true; next = await events.next()) {
      if (next.value.case !== "start") continue;
      let ended = false;
      const output = outputOf(events, () => {
        ended = true;
        void readToEnd(events, close);
      });
      const dispose = () => {
        if (!ended) close();
      };
      return { guest, pid: next.value.value.pid, output, [Symbol.dispose]: dispose };
    }
    throw connectionBroke();
  } catch (error) {
    close();
    throw guestError(error);
  } finally {
    signal?.removeEventListener("abort", close);
  }
}

async function* eventsOf(answers: ReturnType<Call>): AsyncGenerator<ProcessEvent["event"]> {
  for await (const { event } of answers) if (event !== undefined) yield event.event;
}

async function* outputOf(
  events: AsyncGenerator<ProcessEvent["event"]>,
  onEnd: () => void,
): AsyncGenerator<ProcessOutput> {
  try {
    // The reader may stop at any time, which must not break the connection when all is said.
    for (let next = await events.next(); next.done !== true; next = await events.next()) {
      const event = next.value;
      if (event.case === "end") onEnd();
      if (event.case === "data" || event.case === "end" || event.case === "gap") yield event;
      if (event.case === "end") return;
    }
  } catch (error) {
    throw guestError(error);
  }
  throw connectionBroke();
}

/** @param close called when the guest does not come to the end in time */
async function readToEnd(events: AsyncGenerator, close: () => void): Promise<void> {
  const timer = setTimeout(close, END_MS);
  try {
    while ((await events.next()).done !== true);
  } catch {
    // A connection that breaks here carries nothing any more.
  } finally {
    clearTimeout(timer);
  }
}
