/** Runs a program to its end, with bounded output and an error that says what it said. */
import { spawn } from "node:child_process";
import { WrennError } from "@wrenn/protocol/errors";

export interface CommandOptions {
  input?: string;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** milliseconds until it is killed */
  timeoutMs?: number;
  signal?: AbortSignal;
  uid?: number;
  gid?: number;
  /** called with each piece of output, for progress */
  onOutput?: (text: string) => void;
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const MAX_OUTPUT = 4 * 1024 * 1024;

class BoundedText {
  #text = "";
  append(text: string): void {
    this.#text = (this.#text + text).slice(-MAX_OUTPUT);
  }
  toString(): string {
    return this.#text;
  }
}

/** Runs it and returns whatever exit code it has. @throws program_missing when there is no such program */
export function tryCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env,
      uid: options.uid,
      gid: options.gid,
      signal: options.signal,
      timeout: options.timeoutMs,
      killSignal: "SIGKILL",
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    const stdout = new BoundedText();
    const stderr = new BoundedText();
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout.append(text);
      options.onOutput?.(text);
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr.append(text);
      options.onOutput?.(text);
    });
    child.stdin?.on("error", () => {}).end(options.input);
    child.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "ENOENT" && options.cwd === undefined
          ? new WrennError("program_missing", `the program "${program}" is not installed`, { cause: error })
          : error,
      );
    });
    child.once("close", (code, signal) => {
      resolve({
        code: code ?? -1,
        stdout: stdout.toString(),
        stderr: signal ? `${stderr}\nkilled by ${signal}` : `${stderr}`,
      });
    });
  });
}

/** A program that ended with another exit code than 0. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly result: CommandResult;

  constructor(program: string, args: readonly string[], result: CommandResult) {
    const said = (result.stderr.trim() || result.stdout.trim()).split("\n").slice(-5).join("\n");
    super(`${[program, ...args].join(" ").slice(0, 300)} ended with code ${result.code}: ${said}`);
    this.result = result;
  }
}

/** Runs it and returns its stdout. @throws CommandError for another exit code than 0 */
export async function command(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await tryCommand(program, args, options);
  if (result.code !== 0) throw new CommandError(program, args, result);
  return result.stdout;
}
