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
    const events = eventsOf(call({ signal: closing.signal }));
    for (let next = await events.next(); next.done !== true; next = await events.next()) {
      if (next.value.case !== "start") continue;
      return { guest, pid: next.value.value.pid, output: outputOf(events), [Symbol.dispose]: close };
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

async function* outputOf(events: AsyncGenerator<ProcessEvent["event"]>): AsyncGenerator<ProcessOutput> {
  try {
    for await (const event of events) {
      if (event.case !== "data" && event.case !== "end" && event.case !== "gap") continue;
      yield event;
      if (event.case === "end") return;
    }
  } catch (error) {
    throw guestError(error);
  }
  throw connectionBroke();
}
