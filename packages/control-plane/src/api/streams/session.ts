/** A client and a process: output to the one, messages to the other, until either ends. */
import type { WrennError } from "@wrenn/protocol/errors";
import { parseSignal } from "@wrenn/protocol/signals";
import type { z } from "zod";
import type { ProcessOutput, ProcessStream } from "../../capsules/process-stream.ts";
import { byPid, signalProcess } from "../../capsules/processes.ts";
import { guestError, isGone } from "../../hosts/guest-errors.ts";
import { errorMessage } from "./error-message.ts";
import { ProcessInput } from "./input.ts";
import type { ClientSocket } from "./socket.ts";

const SIGKILL = 9;

/** What a client may say, of terminals and of other processes. */
export type SessionMessage =
  | { readonly type: "stdin" | "input"; readonly data: string; readonly ack?: number | undefined }
  | { readonly type: "close_stdin"; readonly ack?: number | undefined }
  | { readonly type: "signal"; readonly signal: string | number }
  | { readonly type: "resize"; readonly cols: number; readonly rows: number }
  | { readonly type: "kill" | "stop" | "pong" };

export interface SessionOptions {
  /** messages of the client */
  readonly schema: z.ZodType<SessionMessage>;
  readonly input: "stdin" | "pty";
  /** messages for the client */
  readonly of: (event: ProcessOutput) => Iterable<object>;
}

/**
 * Resolves when the process has ended, or the client has left and its last input is with the process or had its time. A process
 * that goes on is left alone.
 */
export async function runSession(client: ClientSocket, process: ProcessStream, options: SessionOptions): Promise<void> {
  const complain = (error: WrennError) => client.tell(errorMessage(error));
  const acks = new Acknowledgements(client);
  const input = new ProcessInput(process, options.input, {
    onRefused: complain,
    onTaken: (ack) => void acks.tell(ack),
  });
  const obeyed = obey(client, process, input, options.schema, complain).then(() => input.end());
  try {
    await Promise.race([sendOutput(client, process, options.of), obeyed]);
  } finally {
    input.abort();
    process[Symbol.dispose]();
  }
}

/** What comes after the client has left is still read: a process that cannot write takes no input either. */
async function sendOutput(client: ClientSocket, process: ProcessStream, of: SessionOptions["of"]): Promise<void> {
  for await (const event of process.output) {
    for (const message of of(event)) if (!client.left.aborted) await client.send(message);
  }
}

/**
 * One message after the other, so that the last resize wins. Input only waits to be sent: signals do not wait for a process
 * that does not read.
 */
async function obey(
  client: ClientSocket,
  process: ProcessStream,
  input: ProcessInput,
  schema: SessionOptions["schema"],
  complain: (error: WrennError) => void,
): Promise<void> {
  for await (const message of client.messages(schema)) {
    if (message.type === "stop") return;
    if (message.type === "stdin" || message.type === "input") {
      input.push(Buffer.from(message.data, "base64"), message.ack);
      if (input.full !== undefined) client.hold(input.full);
    } else if (message.type === "close_stdin") input.close(message.ack);
    else {
      try {
        await control(process, message);
      } catch (error) {
        // Of a process that has ended its output tells.
        if (!isGone(error)) complain(guestError(error));
      }
    }
  }
}

async function control({ guest, pid }: ProcessStream, message: SessionMessage): Promise<void> {
  const process = byPid(pid);
  switch (message.type) {
    case "signal":
      return signalProcess(guest, process, parseSignal(message.signal));
    case "kill":
      return signalProcess(guest, process, SIGKILL);
    case "resize": {
      const { cols, rows } = message;
      if (cols > 0 && rows > 0) await guest.process.update({ process, pty: { size: { cols, rows } } });
      return;
    }
    default:
  }
}

/** Tells a client how far its input was taken: the newest acknowledgement, when it has room for one. */
class Acknowledgements {
  readonly #client: ClientSocket;
  #newest: number | undefined;
  #telling = false;

  constructor(client: ClientSocket) {
    this.#client = client;
  }

  async tell(ack: number): Promise<void> {
    this.#newest = ack;
    if (this.#telling) return;
    this.#telling = true;
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      // A client that left needs none.
      await this.#client.send({ type: "ack", ack: next }).catch(() => {});
    }
    this.#telling = false;
  }

  #take(): number | undefined {
    const next = this.#newest;
    this.#newest = undefined;
    return next;
  }
}
