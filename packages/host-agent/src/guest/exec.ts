/** Runs one command in a guest as a stream of events; a deadline or a caller that leaves kills its whole process group. */
import { ConnectError } from "@connectrpc/connect";
import { fromConnectError } from "@wrenn/protocol/connect-errors";
import { type ErrorCode, WrennError } from "@wrenn/protocol/errors";
import { Signal } from "@wrenn/protocol/gen/process_pb";
import type { GuestClient } from "./client.ts";

export interface ExecRequest {
  readonly cmd: string;
  readonly args: readonly string[];
  readonly envs: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  readonly user?: string | undefined;
  /** seconds, 0 is no limit */
  readonly timeoutSec: number;
  /** all that the command reads; undefined is nothing */
  readonly stdin?: Uint8Array | undefined;
  readonly tag?: string | undefined;
}

export type ExecEvent =
  | { readonly kind: "start"; readonly pid: number }
  | { readonly kind: "stdout" | "stderr"; readonly bytes: Uint8Array }
  | { readonly kind: "keepalive" }
  | {
      readonly kind: "end";
      readonly exitCode: number;
      /** number of the signal that ended the command, 0 for none */
      readonly signal: number;
      readonly error: string;
      readonly timedOut: boolean;
    };

/** Bytes of stdin in one message. */
const STDIN_BYTES = 256 * 1024;
/** How long a killed command may take to report its end. */
const KILL_GRACE_MS = 5000;

export async function* exec(
  guest: Pick<GuestClient, "process">,
  request: ExecRequest,
  signal: AbortSignal,
): AsyncGenerator<ExecEvent> {
  const deadline = new Deadline(request.timeoutSec);
  const abort = new AbortController();
  let pid: number | undefined;
  // A command whose start is not reported yet is killed when it is.
  const kill = () => {
    if (pid !== undefined) void killGroup(guest, pid);
    setTimeout(() => abort.abort(), KILL_GRACE_MS).unref();
  };
  deadline.onExpired(kill);
  signal.addEventListener("abort", kill, { once: true });
  try {
    for await (const { event } of guest.process.start(startRequest(request), { signal: abort.signal })) {
      switch (event?.event.case) {
        case "start":
          pid = event.event.value.pid;
          if (deadline.expired || signal.aborted) kill();
          if (request.stdin !== undefined) void feed(guest, pid, request.stdin);
          yield { kind: "start", pid };
          break;
        case "data": {
          const { output } = event.event.value;
          if (output.case === "stdout" || output.case === "stderr") yield { kind: output.case, bytes: output.value };
          break;
        }
        case "gap":
          // Half of an output must not be taken for all of it.
          throw new WrennError("agent_error", "output of the command was lost, because its reader was too slow");
        case "keepalive":
          yield { kind: "keepalive" };
          break;
        case "end": {
          const { exitCode, error, signal: endSignal = 0 } = event.event.value;
          pid = undefined;
          yield { kind: "end", exitCode, signal: endSignal, error: error ?? "", timedOut: deadline.expired };
          return;
        }
        default:
      }
    }
    throw new WrennError("guest_unreachable", "the guest agent ended the stream before the command ended");
  } catch (error) {
    if (deadline.expired) yield { kind: "end", exitCode: -1, signal: 9, error: "timeout", timedOut: true };
    else throw asUnreachable(error);
  } finally {
    deadline.clear();
    signal.removeEventListener("abort", kill);
    if (pid !== undefined) void killGroup(guest, pid);
    abort.abort();
  }
}

function startRequest({ cmd, args, envs, cwd, user, stdin, tag }: ExecRequest) {
  const place = { ...(cwd === undefined ? {} : { cwd }), ...(user === undefined ? {} : { user }) };
  return {
    process: { cmd, args: [...args], envs: { ...envs }, ...place },
    stdin: stdin !== undefined,
    ...(tag === undefined ? {} : { tag }),
  };
}

/** Piece by piece: the agent answers when the command has taken one. */
async function feed(guest: Pick<GuestClient, "process">, pid: number, stdin: Uint8Array): Promise<void> {
  const process = { selector: { case: "pid" as const, value: pid } };
  try {
    for (let at = 0; at < stdin.length; at += STDIN_BYTES) {
      const value = stdin.subarray(at, at + STDIN_BYTES);
      await guest.process.sendInput({ process, input: { input: { case: "stdin", value } } });
    }
    await guest.process.closeStdin({ process });
  } catch {
    // It ended, or closed its stdin, before it had read all of it.
  }
}

async function killGroup(guest: Pick<GuestClient, "process">, pid: number): Promise<void> {
  try {
    await guest.process.sendSignal(
      { process: { selector: { case: "pid", value: pid } }, signal: Signal.SIGKILL },
      { timeoutMs: KILL_GRACE_MS },
    );
  } catch {
    // It ended by itself, or the machine is gone.
  }
}

/** What the agent may refuse a start for. The guest is hostile: it cannot speak for the host or the platform. */
const REFUSALS: readonly ErrorCode[] = ["invalid_request", "not_found", "forbidden", "insufficient_memory"];

/** A refusal of the agent keeps its meaning; a broken connection, or anything else, becomes an error of the agent. */
function asUnreachable(error: unknown): unknown {
  const cause = error instanceof ConnectError ? error.cause : error;
  if (cause instanceof Error && "code" in cause && typeof cause.code === "string") {
    return new WrennError("guest_unreachable", "the connection to the guest agent broke", { cause: error });
  }
  if (error instanceof WrennError) return error;
  const refusal = fromConnectError(error, "the guest agent");
  if (REFUSALS.includes(refusal.code)) return refusal;
  return new WrennError("agent_error", `the guest agent failed: ${refusal.message}`, { cause: error });
}

class Deadline {
  expired = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #seconds: number;

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  onExpired(action: () => void): void {
    if (this.#seconds <= 0) return;
    this.#timer = setTimeout(() => {
      this.expired = true;
      action();
    }, this.#seconds * 1000);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}
