/**
 * Folders travel as a tar archive that the capsule's own `tar` makes or unpacks: 10 000 small files are one stream instead of 10 000 requests,
 * and names, modes and symlinks arrive as they are.
 */
import { WrennError } from "@wrenn/protocol/errors";
import type { ApiClient } from "../api/client.ts";
import { type Command, newTag, startCommand } from "../streams/connections.ts";
import { ProcessStream } from "../streams/process-stream.ts";
import type { CopyReport } from "./report.ts";

/** Bytes of stderr that are kept. */
const MAX_MESSAGE_BYTES = 16 * 1024;

export function packFolder(folder: string): Command {
  return { cmd: "tar", args: ["-C", folder, "-cf", "-", "."] };
}

/**
 * Unpacks beside the target and puts it in place when all of it has come, so that a broken transfer changes nothing. Into a folder that
 * exists the files are linked: each replaces the old one in one step, and needs no second copy.
 * $1 is the target, $2 the folder above it, $3 a name that nobody has.
 */
const UNPACK = `
if [ -d "$1" ]; then stage=$1/$3
elif [ -e "$1" ] || [ -L "$1" ]; then echo "$1: is no folder" >&2; exit 1
else stage=$2/$3; mkdir -p "$2" || exit
fi
trap 'rm -rf "$stage"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -m 700 "$stage" && tar -xpf - -C "$stage" || exit
if [ -d "$1" ]; then umask 0; cp -RPlf "$stage/." "$1/"; else mv "$stage" "$1"; fi`;

export function unpackFolder(target: string, above: string): Command {
  return { cmd: "/bin/sh", args: ["-c", UNPACK, "wrenn-cp", target, above, `.${newTag("wrenn-cp")}`], stdin: true };
}

/** The programs of a capsule's side of a copy: told what to do, fed or emptied, and never left behind. */
export class GuestTar implements AsyncDisposable {
  readonly #api: ApiClient;
  readonly #id: string;
  readonly #tag = newTag("cp");
  readonly #stream: ProcessStream;
  readonly #report: CopyReport;
  readonly #onAbort = () => this.#stream.close();
  readonly #signal: AbortSignal;
  #said = "";
  #ended = false;

  constructor(api: ApiClient, id: string, command: Command, report: CopyReport, signal: AbortSignal) {
    this.#api = api;
    this.#id = id;
    this.#report = report;
    this.#signal = signal;
    this.#stream = new ProcessStream(api, id, startCommand({ ...command, tag: this.#tag }));
    signal.addEventListener("abort", this.#onAbort);
  }

  /**
   * Runs it to its end; what it complains about goes into the report. False when it failed.
   * @throws connection_lost when some of its output is missing, and the reason of the signal
   */
  async run(onStart: () => void, onOutput: (piece: Buffer) => void | Promise<void>): Promise<boolean> {
    let succeeded = false;
    for await (const event of this.#stream) {
      if (event.type === "start") onStart();
      if (event.type === "gap") throw new WrennError("connection_lost", "some of the archive was lost on the way");
      if (event.type === "output" && event.to === "stdout") await onOutput(event.data);
      if (event.type === "output" && event.to === "stderr" && this.#said.length < MAX_MESSAGE_BYTES) {
        this.#said += event.data.toString("utf8");
      }
      if (event.type === "exit") {
        this.#ended = true;
        succeeded = event.exitCode === 0;
        if (!succeeded) this.#complain(event.exitCode);
      }
    }
    this.#signal.throwIfAborted();
    return succeeded;
  }

  /** Sends input as fast as it is taken; stops when the program has ended. */
  async feed(pieces: Iterable<Buffer>): Promise<void> {
    for (const piece of pieces) {
      if (this.#stream.over) return;
      await this.#stream.send({ type: "stdin", data: piece.toString("base64") });
      this.#report.advance(piece.length);
    }
    await this.#stream.send({ type: "close_stdin" });
  }

  #complain(exitCode: number): void {
    const lines = this.#said.split("\n").filter((line) => line.trim() !== "");
    for (const line of lines) this.#report.fail("in the capsule", line);
    if (lines.length === 0) this.#report.fail("in the capsule", `tar ended with code ${exitCode}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#stream.close();
    // Its trap removes what it has unpacked. That it is gone already is as good.
    if (!this.#ended) await this.#api.kill(this.#id, this.#tag, "SIGTERM").catch(() => {});
  }
}
