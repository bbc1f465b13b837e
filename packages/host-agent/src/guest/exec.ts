/** Runs a command of the host's own in a guest: its users' commands go through the proxy. */
import { WrennError } from "@wrenn/protocol/errors";
import type { GuestClient } from "./client.ts";

export interface GuestCommand {
  readonly cmd: string;
  readonly args: readonly string[];
  readonly timeoutMs: number;
}

export interface GuestCommandResult {
  readonly exitCode: number;
  readonly output: string;
}

/** Both outputs as one text. @throws ConnectError, guest_unreachable; the command may run on then */
export async function exec(
  guest: Pick<GuestClient, "process">,
  { cmd, args, timeoutMs }: GuestCommand,
): Promise<GuestCommandResult> {
  const output: Uint8Array[] = [];
  let exitCode: number | undefined;
  const request = { process: { cmd, args: [...args], envs: {} }, stdin: false };
  for await (const { event } of guest.process.start(request, { timeoutMs })) {
    if (event?.event.case === "data" && event.event.value.output.case !== undefined)
      output.push(event.event.value.output.value);
    // The stream is read to its end, so that its connection can be used again.
    if (event?.event.case === "end") exitCode = event.event.value.exitCode;
  }
  if (exitCode !== undefined) return { exitCode, output: Buffer.concat(output).toString() };
  throw new WrennError("guest_unreachable", "the guest agent ended the stream before the command ended");
}
