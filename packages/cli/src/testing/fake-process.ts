/** A process of the fake capsule: a real one of this machine, whose output is numbered and kept for those who come later. */
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import type { ProcessServerMessage } from "@wrenn/protocol/rest/streams";

type Piece = Extract<ProcessServerMessage, { type: "stdout" | "stderr" }> & { readonly seq: number };
type Listener = (message: ProcessServerMessage) => void;

export interface FakeCommand {
  readonly cmd: string;
  readonly args?: string[];
  readonly envs?: Record<string, string>;
  readonly cwd?: string;
  readonly stdin?: boolean;
  readonly tag?: string;
  readonly timeout_sec?: number;
}

export class FakeProcess {
  readonly command: FakeCommand;
  readonly child: ChildProcess;
  readonly pty: boolean;
  readonly #pieces: Piece[] = [];
  readonly #listeners = new Set<Listener>();
  #seq = 0;
  #end: ProcessServerMessage | undefined;

  /** @param pty it gets a terminal, by script(1) */
  constructor(command: FakeCommand, home: string, pty = false) {
    this.command = command;
    this.pty = pty;
    const words = [command.cmd, ...(command.args ?? [])];
    const quoted = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    const [cmd = "", ...args] = pty ? ["script", "-qfec", `exec ${quoted}`, "/dev/null"] : words;
    // A group of its own: signals go to all of it.
    this.child = spawn(cmd, args, {
      cwd: command.cwd ?? home,
      env: { ...process.env, ...command.envs },
      stdio: [pty || command.stdin === true ? "pipe" : "ignore", "pipe", "pipe"],
      detached: true,
    });
    this.child.stdin?.on("error", () => {});
    this.child.stdout?.on("data", (bytes: Buffer) => this.#output("stdout", bytes));
    this.child.stderr?.on("data", (bytes: Buffer) => this.#output("stderr", bytes));
    this.child.once("error", (error) =>
      this.#tell({ type: "error", data: error.message, code: "not_found", fatal: true }),
    );
    let late: { timed_out?: true } = {};
    const kill = () => {
      late = { timed_out: true };
      this.signal("SIGKILL");
    };
    const seconds = command.timeout_sec ?? 0;
    const deadline = seconds === 0 ? undefined : setTimeout(kill, seconds * 1000);
    this.child.once("close", (code, signal) => {
      const number = signal === null ? {} : { signal: constants.signals[signal] };
      clearTimeout(deadline);
      this.#tell((this.#end = { type: "exit", exit_code: code ?? -1, ...number, ...late }));
    });
  }

  get running(): boolean {
    return this.#end === undefined;
  }

  /** Tells the output after a position, then what comes. Returns how to stop it. */
  listen(from: number, listener: Listener): () => void {
    // The piece before the position comes again: whoever listens has to find where to go on.
    for (const piece of this.#pieces) if (piece.seq >= from) listener(piece);
    if (this.#end !== undefined) listener(this.#end);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  signal(signal: string | number): void {
    const { pid } = this.child;
    if (pid !== undefined && this.running) process.kill(-pid, signal);
  }

  #output(type: "stdout" | "stderr", bytes: Buffer): void {
    this.#seq += bytes.length;
    const piece = { type, data: bytes.toString("base64"), seq: this.#seq };
    this.#pieces.push(piece);
    this.#tell(piece);
  }

  #tell(message: ProcessServerMessage): void {
    for (const listener of this.#listeners) listener(message);
  }
}
