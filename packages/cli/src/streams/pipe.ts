/** A process of a capsule as a part of a local pipeline: its output comes out of this command byte by byte, its input goes in. */
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { WrennError } from "@wrenn/protocol/errors";
import { exitCodeOf, onEndingSignal } from "../signals.ts";
import type { ProcessStream } from "./process-stream.ts";

/** How a stream ended: with the process, whose code it is, or it was left running; then the code is not 0 when a signal was why. */
export interface StreamEnd {
  readonly exitCode: number;
  readonly detached: boolean;
  /** the process was killed because its time was over */
  readonly timedOut: boolean;
}

export interface PipeOptions {
  /** is sent as the process's stdin up to its end */
  readonly input?: Readable;
  /** What Ctrl-C and other signals do: they go to the process, and a second one leaves it; or the first one leaves it. */
  readonly signals: "forward" | "leave";
  /** output from before the stream may be missing */
  readonly late?: boolean;
}

/**
 * Copies output until the process ends or is left.
 * @throws connection_lost when output is missing, what the server ends the stream with, and invalid_request when the input cannot be read
 */
export async function pipeProcess(stream: ProcessStream, { input, signals, late }: PipeOptions): Promise<StreamEnd> {
  let leaveCode = 0;
  let leaveNext = signals === "leave";
  using _handler = onEndingSignal((signal) => {
    if (!leaveNext) void stream.send({ type: "signal", signal });
    else {
      leaveCode = exitCodeOf(signal);
      stream.close();
    }
    leaveNext = true;
  });
  using outputs = new Outputs(() => void stream.send({ type: "signal", signal: "SIGPIPE" }));
  using feed = new Feed(stream, input);
  let lostBytes = 0;
  let received = false;
  for await (const event of stream) {
    if (event.type === "start") feed.begin();
    if (event.type === "output") await outputs.write(event.to, event.data);
    if (event.type === "gap" && (received || late !== true)) lostBytes += event.lostBytes;
    if (event.type === "output" || event.type === "gap") received = true;
    if (event.type !== "exit") continue;
    if (feed.failure !== undefined) throw feed.failure;
    if (lostBytes > 0) throw new WrennError("connection_lost", `${lostBytes} bytes of its output are missing`);
    return { exitCode: event.exitCode, detached: false, timedOut: event.timedOut };
  }
  return { exitCode: leaveCode, detached: true, timedOut: false };
}

/** Sends input up to its end, no faster than it is taken. */
class Feed implements Disposable {
  readonly #stream: ProcessStream;
  readonly #input: Readable | undefined;
  #begun = false;
  failure: WrennError | undefined;

  constructor(stream: ProcessStream, input: Readable | undefined) {
    this.#stream = stream;
    this.#input = input;
  }

  /** A second time nothing happens. */
  begin(): void {
    if (this.#input !== undefined && !this.#begun) void this.#send(this.#input);
    this.#begun = true;
  }

  async #send(input: Readable): Promise<void> {
    try {
      for await (const piece of input) {
        await this.#stream.send({ type: "stdin", data: Buffer.from(piece as Buffer).toString("base64") });
      }
    } catch (error) {
      if (!this.#stream.over)
        this.failure = new WrennError("invalid_request", "stdin cannot be read", { cause: error });
    }
    await this.#stream.send({ type: "close_stdin" });
  }

  [Symbol.dispose](): void {
    // What has not been read would keep this process waiting.
    this.#input?.destroy();
  }
}

/** stdout and stderr of this command; a reader that goes away is no error but ends the writing. */
class Outputs implements Disposable {
  readonly #onBroken: (error: Error) => void;
  #broken = false;

  /** @param onBroken is called when nobody reads stdout or stderr any more */
  constructor(onBroken: () => void) {
    this.#onBroken = () => {
      if (!this.#broken) onBroken();
      this.#broken = true;
    };
    process.stdout.on("error", this.#onBroken);
    process.stderr.on("error", this.#onBroken);
  }

  async write(to: "stdout" | "stderr" | "terminal", data: Buffer): Promise<void> {
    const output: Writable = to === "stderr" ? process.stderr : process.stdout;
    if (this.#broken || output.write(data)) return;
    // Rejects when the reader goes away.
    await once(output, "drain").catch(() => {});
  }

  [Symbol.dispose](): void {
    process.stdout.off("error", this.#onBroken);
    process.stderr.off("error", this.#onBroken);
  }
}
