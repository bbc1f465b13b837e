/** Runs a command in a running machine. */
import { WrennError } from "@wrenn/protocol/errors";
import { type ExecEvent, type ExecRequest, exec } from "../guest/exec.ts";
import type { HostContext } from "../host.ts";

/** @throws not_found, invalid_state, disk_full, guest_unreachable, or the guest agent's own refusal */
export async function* execInMachine(
  host: HostContext,
  id: string,
  request: ExecRequest,
  signal: AbortSignal,
): AsyncGenerator<ExecEvent> {
  const machine = host.machines.running(id);
  if (machine.live.vm.isOutOfSpace) {
    throw new WrennError("disk_full", "the disk of the host is full: the capsule stands still until there is room");
  }
  const end = machine.activity.begin();
  try {
    yield* exec(machine.live.guest, request, signal);
  } finally {
    end();
  }
}
