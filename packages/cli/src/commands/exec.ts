/** `wrenn exec`: runs a command in a capsule; its output, its exit code. */
import { WrennError } from "@wrenn/protocol/errors";
import { type Command, InvalidArgumentError } from "commander";
import { apiClient, localInstance } from "../instance.ts";
import { json } from "../output/print.ts";
import { parseInteger } from "./options.ts";

/** The command did not run or did not end: tells it apart from every exit code a command itself uses, as container tools do. */
const NOT_RUN = 125;

interface ExecOptions {
  readonly env: Record<string, string>;
  readonly cwd?: string;
  readonly user?: string;
  readonly timeout: number;
  readonly json?: boolean;
}

export function execCommand(program: Command): void {
  program
    .command("exec <id> <cmd> [args...]")
    .description("Run a command in a capsule and exit with its code")
    .option("-e, --env <name=value>", "set a variable (repeatable)", collectVariable, {})
    .option("-w, --cwd <path>", "working directory (default: the home directory)")
    .option("-u, --user <name>", "user to run as (default root)")
    .option("--timeout <seconds>", "kill it after this time (default 0: never)", parseInteger, 0)
    .option("--json", "print the whole result as JSON")
    .passThroughOptions()
    .addHelpText(
      "after",
      `\nThe command runs without a shell: wrenn exec ID -- sh -c 'echo $HOME'\nIts stdin is empty.\nExit code ${NOT_RUN} means that the command did not run to its end.`,
    )
    .action(async (id: string, cmd: string, args: string[], options: ExecOptions) => {
      try {
        // Commander leaves a `--` that stands before the command in its place.
        const [first, ...rest] = cmd === "--" ? args : [cmd, ...args];
        if (first === undefined) throw new WrennError("invalid_request", "name the command to run");
        await run(id, first, rest, options);
      } catch (error) {
        process.exitCode = NOT_RUN;
        throw error;
      }
    });
}

async function run(id: string, cmd: string, args: string[], options: ExecOptions): Promise<void> {
  const result = await apiClient(localInstance()).exec(id, {
    cmd,
    args,
    envs: options.env,
    timeout_sec: options.timeout,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.user === undefined ? {} : { user: options.user }),
  });
  if (options.json === true) json(result);
  else {
    const encoding = result.encoding === "base64" ? "base64" : "utf8";
    process.stdout.write(Buffer.from(result.stdout, encoding));
    process.stderr.write(Buffer.from(result.stderr, encoding));
  }
  // As shells do it for a command that a signal ended.
  process.exitCode = result.signal === undefined ? result.exit_code : 128 + result.signal;
}

function collectVariable(text: string, previous: Record<string, string>): Record<string, string> {
  const separator = text.indexOf("=");
  if (separator < 1) throw new InvalidArgumentError("a variable is NAME=VALUE.");
  return { ...previous, [text.slice(0, separator)]: text.slice(separator + 1) };
}
