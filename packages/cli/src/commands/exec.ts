/** `wrenn exec`: runs a command in a capsule; its input, its output, its exit code. */
import { buffer } from "node:stream/consumers";
import { WrennError } from "@wrenn/protocol/errors";
import { LIMITS } from "@wrenn/protocol/limits";
import { type Command, InvalidArgumentError } from "commander";
import type { ApiClient } from "../api/client.ts";
import { apiClient, localInstance } from "../instance.ts";
import { json, out } from "../output/print.ts";
import { newTag, startCommand, startTerminal } from "../streams/connections.ts";
import { ProcessStream } from "../streams/process-stream.ts";
import { parseInteger } from "./options.ts";
import { requireTerminal, runPipe, runTerminal, thisTerminal } from "./terminals.ts";

/** The command did not run or did not end: tells it apart from every exit code a command itself uses, as container tools do. */
const NOT_RUN = 125;

interface ExecOptions {
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly detach?: boolean;
  readonly tag?: string;
  readonly env: Record<string, string>;
  readonly cwd?: string;
  readonly user?: string;
  readonly timeout: number;
  readonly json?: boolean;
}

/** What every way to start a command takes. */
interface Request {
  readonly cmd: string;
  readonly args: string[];
  readonly envs: Record<string, string>;
  readonly cwd?: string;
  readonly user?: string;
  readonly tag?: string;
}

const HELP = `
The command runs without a shell: wrenn exec ID -- sh -c 'echo $HOME'
Without -i its stdin is empty. Without -t its output comes as it is, byte by byte, stdout and stderr apart.
Ctrl-C and other signals go to the command; a second one leaves it running and ends this one. With -it the keys go
to it, Ctrl-C too; Ctrl-P Ctrl-Q leaves it running, and 'wrenn attach' comes back to it.
Exit code ${NOT_RUN} means that the command did not run to its end; 128 and more that a signal ended it.

A shell: wrenn exec -it ID bash      Feed it: tar c . | wrenn exec -i ID tar x -C /srv`;

export function execCommand(program: Command): void {
  program
    .command("exec <id> <cmd> [args...]")
    .description("Run a command in a capsule and exit with its code")
    .option("-i, --interactive", "send stdin to it")
    .option("-t, --tty", "give it a terminal")
    .option("-d, --detach", "leave it running and print its pid and tag")
    .option("--tag <tag>", "name to find it by (default: a random one)")
    .option("-e, --env <name=value>", "set a variable (repeatable)", collectVariable, {})
    .option("-w, --cwd <path>", "working directory (default: the home directory)")
    .option("-u, --user <name>", "user to run as (default root)")
    .option("--timeout <seconds>", "kill it after this time (default 0: never)", parseInteger, 0)
    .option("--json", "print the whole result as JSON at the end")
    .passThroughOptions()
    .addHelpText("after", HELP)
    .action(async (id: string, cmd: string, args: string[], options: ExecOptions) => {
      try {
        // Commander leaves a `--` that stands before the command in its place.
        const [first, ...rest] = cmd === "--" ? args : [cmd, ...args];
        if (first === undefined) throw new WrennError("invalid_request", "name the command to run");
        requirePossible(options);
        await run(apiClient(localInstance()), id, toRequest(first, rest, options), options);
      } catch (error) {
        process.exitCode = NOT_RUN;
        throw error;
      }
    });
}

function requirePossible({ interactive, tty, detach, json: asJson, timeout }: ExecOptions): void {
  if (detach === true && (interactive === true || tty === true)) {
    throw new WrennError("invalid_request", "-d cannot be combined with -i or -t");
  }
  if (tty === true && asJson === true) throw new WrennError("invalid_request", "-t cannot be combined with --json");
  const { min, max } = LIMITS.execTimeoutSec;
  if (timeout < min || timeout > max) throw new WrennError("invalid_request", `--timeout must be ${min} to ${max}`);
  if (interactive === true && tty === true) requireTerminal();
}

function toRequest(cmd: string, args: string[], { env, cwd, user, tag }: ExecOptions): Request {
  return {
    cmd,
    args,
    envs: env,
    ...(cwd === undefined ? {} : { cwd }),
    ...(user === undefined ? {} : { user }),
    ...(tag === undefined ? {} : { tag }),
  };
}

async function run(api: ApiClient, id: string, request: Request, options: ExecOptions): Promise<void> {
  if (options.detach === true) {
    const started = await api.start(id, { ...request, ...limited(options.timeout) });
    if (options.json === true) json(started);
    else out(`${started.pid} ${started.tag}`);
  } else if (options.json === true) await runToEnd(api, id, request, options);
  else await runLive(api, id, { ...request, tag: request.tag ?? newTag("exec") }, options);
}

/** The server collects the output. */
async function runToEnd(api: ApiClient, id: string, request: Request, options: ExecOptions): Promise<void> {
  const stdin = options.interactive === true ? await buffer(process.stdin) : undefined;
  const result = await api.exec(id, {
    ...request,
    timeout_sec: options.timeout,
    ...(stdin === undefined ? {} : { stdin: stdin.toString("base64"), stdin_encoding: "base64" }),
  });
  json(result);
  // As shells do it for a command that a signal ended.
  process.exitCode = result.signal === undefined ? result.exit_code : 128 + result.signal;
}

async function runLive(
  api: ApiClient,
  id: string,
  request: Request & { readonly tag: string },
  { interactive = false, tty = false, timeout }: ExecOptions,
): Promise<void> {
  const command = { ...request, ...limited(timeout) };
  const connection = tty
    ? startTerminal({ ...command, ...thisTerminal(request.envs) })
    : startCommand({ ...command, stdin: interactive });
  const stream = new ProcessStream(api, id, connection);
  const input = interactive ? { input: process.stdin } : {};
  const { timedOut } = tty
    ? await runTerminal(stream, id, request.tag, { keyboard: interactive })
    : await runPipe(stream, id, request.tag, { ...input, signals: "forward" });
  if (timedOut) throw new WrennError("exec_timeout", `the command was killed after ${timeout} s`);
}

function limited(timeout: number): { timeout_sec?: number } {
  return timeout === 0 ? {} : { timeout_sec: timeout };
}

function collectVariable(text: string, previous: Record<string, string>): Record<string, string> {
  const separator = text.indexOf("=");
  if (separator < 1) throw new InvalidArgumentError("a variable is NAME=VALUE.");
  return { ...previous, [text.slice(0, separator)]: text.slice(separator + 1) };
}
