/** Processes of a capsule: started, found, listed, and sent signals and input. */
import { randomBytes } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CallOptions } from "@connectrpc/connect";
import type { ProcessInfo, Signal, StartRequestSchema } from "@wrenn/protocol/gen/process_pb";
import type { GuestClient } from "../hosts/guest-client.ts";
import { guestError } from "../hosts/guest-errors.ts";
import type { CapsuleDeps } from "./deps.ts";
import { type GuestCall, withGuest } from "./guest.ts";
import { openProcess, type ProcessStream } from "./process-stream.ts";

export interface Command {
  readonly cmd: string;
  readonly args: readonly string[];
  readonly envs: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  readonly user?: string | undefined;
  readonly tag?: string | undefined;
}

export interface StartOptions {
  /** input follows; otherwise the process finds its stdin empty */
  readonly stdin?: boolean;
  readonly terminal?: { readonly cols: number; readonly rows: number };
  /** seconds until its whole group is killed, whoever is still there; 0 is no limit */
  readonly timeoutSec?: number;
}

export interface Selector {
  readonly selector:
    | { readonly case: "pid"; readonly value: number }
    | { readonly case: "tag"; readonly value: string };
}

export function byPid(pid: number): Selector {
  return { selector: { case: "pid", value: pid } };
}

/** Digits are a pid, anything else is a tag. */
export function parseSelector(text: string): Selector {
  // A number that no process can have finds none.
  if (/^[0-9]+$/.test(text)) return byPid(Math.min(Number(text), 2 ** 32 - 1));
  return { selector: { case: "tag", value: text } };
}

/** `proc-` or `pty-` and 8 hexadecimal digits. */
export function newTag(kind: "proc" | "pty"): string {
  return `${kind}-${randomBytes(4).toString("hex")}`;
}

export function startRequest(command: Command, { stdin = false, terminal }: StartOptions = {}) {
  const { cmd, args, envs, cwd, user, tag } = command;
  const place = { ...(cwd === undefined ? {} : { cwd }), ...(user === undefined ? {} : { user }) };
  return {
    process: { cmd, args: [...args], envs: { ...envs }, ...place },
    stdin,
    ...(tag === undefined ? {} : { tag }),
    ...(terminal === undefined ? {} : { pty: { size: terminal } }),
  } satisfies MessageInitShape<typeof StartRequestSchema>;
}

/** As a header, since a deadline of the call itself would end its stream before the end of the process is told. */
export function deadline(timeoutSec = 0): Record<string, string> {
  return timeoutSec === 0 ? {} : { "connect-timeout-ms": String(timeoutSec * 1000) };
}

/** Starts a process and follows it. @throws what withGuest throws, and why it cannot be started */
export function startProcess(
  deps: CapsuleDeps,
  call: GuestCall,
  command: Command,
  options?: StartOptions,
): Promise<ProcessStream> {
  const request = startRequest(command, options);
  const headers = deadline(options?.timeoutSec);
  return withGuest(deps, call, (guest) =>
    openProcess(guest, (how) => guest.process.start(request, { ...how, headers }), call.signal),
  );
}

/** Follows a process that runs. @param fromSeq output after this position comes first; undefined is none. @throws not_found */
export function connectProcess(
  deps: CapsuleDeps,
  call: GuestCall,
  process: Selector,
  fromSeq?: number,
): Promise<ProcessStream> {
  const request = { process, ...(fromSeq === undefined ? {} : { fromSeq: BigInt(fromSeq) }) };
  return withGuest(deps, call, (guest) =>
    openProcess(guest, (how) => guest.process.connect(request, how), call.signal),
  );
}

export function listProcesses(deps: CapsuleDeps, call: GuestCall): Promise<ProcessInfo[]> {
  return withGuest(deps, call, async (guest) => {
    try {
      return (await guest.process.list({}, { signal: call.signal })).processes;
    } catch (error) {
      throw guestError(error);
    }
  });
}

/** To the whole group of the process. @param signal its number. @throws not_found when it has ended */
export async function signalProcess(
  guest: GuestClient,
  process: Selector,
  signal: number,
  options?: CallOptions,
): Promise<void> {
  try {
    // The agent takes more signals than the two that envd has names for.
    await guest.process.sendSignal({ process, signal: signal as Signal }, options);
  } catch (error) {
    throw guestError(error);
  }
}

/**
 * Writes all of it to the process's input, then closes it; a process that does not want it is no error.
 * @param input no more than a JSON body holds, which the agent has room for
 * @param patience when it aborts, nobody waits for the process to read any more; the agent has all of it by then, and its end
 */
export async function feedProcess(
  { guest, pid }: ProcessStream,
  input: Uint8Array,
  patience?: AbortSignal,
): Promise<void> {
  const process = byPid(pid);
  const options = patience === undefined ? {} : { signal: patience };
  try {
    await guest.process
      .sendInput({ process, input: { input: { case: "stdin", value: input } } }, options)
      .catch((error: unknown) => {
        if (!patience?.aborted) throw error;
      });
    await guest.process.closeStdin({ process });
  } catch {
    // It has ended or closed its input, or the connection broke, which its stream shows too.
  }
}
