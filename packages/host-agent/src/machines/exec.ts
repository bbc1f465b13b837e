/** Runs a command in a running machine. */
import { type ExecEvent, type ExecRequest, exec } from "../guest/exec.ts";
import type { HostContext } from "../host.ts";

/** @throws not_found, invalid_state, disk_full, guest_unreachable, or the guest agent's own refusal */
export async function* execInMachine(
  host: HostContext,
  id: string,
  request: ExecRequest,
  signal: AbortSignal,
): AsyncGenerator<ExecEvent> {
  const machine = host.machines.answering(id);
  const end = machine.activity.begin();
  try {
    yield* exec(machine.live.guest, request, signal);
  } finally {
    end();
  }
}
