/** How a process ended, in the words of the wire: those of Go's os/exec. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ProcessEvent_EndEventSchema } from "@wrenn/protocol/gen/process_pb";
import type { ExitStatus } from "../system/child-reaper.ts";

const SIGNAL_NAMES: Readonly<Record<number, string>> = {
  1: "hangup",
  2: "interrupt",
  3: "quit",
  4: "illegal instruction",
  5: "trace/breakpoint trap",
  6: "aborted",
  7: "bus error",
  8: "floating point exception",
  9: "killed",
  10: "user defined signal 1",
  11: "segmentation fault",
  12: "user defined signal 2",
  13: "broken pipe",
  14: "alarm clock",
  15: "terminated",
};

export type EndEvent = MessageInitShape<typeof ProcessEvent_EndEventSchema>;

/** The end event; `error` repeats the status of anything but success. @param timedOut its time was over before it ended */
export function endEvent({ code, signal }: ExitStatus, timedOut = false): EndEvent {
  if (code === 0) return { exitCode: 0, exited: true, status: "exit status 0" };
  const exited = code !== undefined;
  const status = exited ? `exit status ${code}` : `signal: ${SIGNAL_NAMES[signal ?? 0] ?? `signal ${signal}`}`;
  const bySignal = exited ? {} : { signal: signal ?? 0, ...(timedOut ? { timedOut } : {}) };
  return { exitCode: code ?? -1, exited, status, error: status, ...bySignal };
}
