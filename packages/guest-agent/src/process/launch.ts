/** Starts a process: the right user, folder and variables, its own session, pipes or a terminal. */
import { constants, statSync } from "node:fs";
import { WrennError } from "@wrenn/protocol/errors";
import { LIMITS } from "@wrenn/protocol/limits";
import type { Settings } from "../settings.ts";
import { bytePath } from "../system/byte-path.ts";
import { asUser } from "../system/impersonate.ts";
import { checkAccess } from "../system/libc.ts";
import { resolveUserPath } from "../system/paths.ts";
import { withChildFiles, withChildScore } from "../system/protection.ts";
import { spawnProgram } from "../system/spawn.ts";
import type { TerminalSize } from "../system/terminal.ts";
import type { User, Users } from "../system/users.ts";
import { type Descriptors, type Made, makePipes, makeTerminal } from "./descriptors.ts";
import { buildEnvironment, checkVariables } from "./environment.ts";

export interface LaunchOptions {
  readonly cmd: string;
  readonly args: readonly string[];
  readonly envs: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  readonly user?: string | undefined;
  /** a pipe on stdin; /dev/null when false */
  readonly stdin: boolean;
  /** a terminal instead of all pipes */
  readonly terminal?: TerminalSize | undefined;
}

/** Whom processes run as, and what they are given. */
export interface LaunchContext {
  readonly users: Users;
  readonly settings: Settings;
}

/** A process that runs. */
export interface Launched {
  readonly pid: number;
  readonly descriptors: Descriptors;
}

const MAX_ARGUMENTS = 32_768;
/** Linux takes a quarter of the stack's limit, 8 MiB. */
const MAX_BYTES = 2 * 1024 * 1024;

/** What those who look at terminals emulate. */
const TERMINAL_TYPE = "xterm-256color";

/** @throws invalid_request, not_found, forbidden or insufficient_memory, saying what cannot be done */
export function launch({ users, settings }: LaunchContext, options: LaunchOptions): Launched {
  const { cmd, args, envs, terminal } = options;
  if (cmd === "") throw new WrennError("invalid_request", "the command is empty");
  if (cmd.includes("\0") || args.some((argument) => argument.includes("\0"))) {
    throw new WrennError("invalid_request", "the command or an argument contains NUL");
  }
  checkVariables(envs);
  checkSize(args, envs);
  const user = users.find(options.user || settings.defaultUser);
  const cwd = asUser(user, () => workingDirectory(options.cwd, settings.defaultWorkdir, user));
  const env = buildEnvironment(user, settings, terminal === undefined ? envs : { TERM: TERMINAL_TYPE, ...envs });
  const make = () => (terminal === undefined ? makePipes(options.stdin) : makeTerminal(terminal));
  return start(user, make, (stdio) => {
    const pid = withChildFiles(() => spawnProgram({ program: cmd, args, env, cwd, stdio }));
    if (typeof pid === "string") throw startError(cmd, pid);
    return pid;
  });
}

/** What the kernel would refuse in the end: making it ready for that would hold up everybody else for long. */
function checkSize(args: readonly string[], envs: Readonly<Record<string, string>>): void {
  const variables = Object.entries(envs);
  if (args.length > MAX_ARGUMENTS || variables.length > LIMITS.variables) {
    throw new WrennError(
      "invalid_request",
      `a process takes at most ${MAX_ARGUMENTS} arguments and ${LIMITS.variables} variables`,
    );
  }
  let bytes = 0;
  for (const text of args) bytes += text.length;
  for (const [name, value] of variables) bytes += name.length + value.length;
  if (bytes > MAX_BYTES) throw startError("", "E2BIG");
}

function start(user: User, make: () => Made, spawn: (stdio: Made["stdio"]) => number): Launched {
  return withChildScore(() =>
    asUser(user, () => {
      const made = makeOrRefuse(make);
      try {
        return { pid: spawn(made.stdio), descriptors: made.descriptors };
      } catch (error) {
        made.closeOurs();
        throw error;
      } finally {
        made.closeTheirs();
      }
    }),
  );
}

function makeOrRefuse(make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new WrennError("insufficient_memory", `no more processes can be started: ${reason}`, { cause: error });
  }
}

/**
 * A folder that was asked for must be one that the caller can enter; a default one that is not is replaced by `/`. Nobody
 * learns what there is in folders that are closed to them.
 */
function workingDirectory(requested: string | undefined, byDefault: string | undefined, user: User): string {
  const cwd = resolveUserPath(requested || byDefault || user.home, user.home);
  if (isFolder(cwd)) return cwd;
  if (!requested) return "/";
  throw new WrennError(
    "invalid_request",
    `the working directory "${cwd}" does not exist, is not a directory or is closed to "${user.name}"`,
  );
}

function isFolder(path: string): boolean {
  try {
    checkAccess(bytePath(path), constants.X_OK);
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function startError(cmd: string, reason: string): WrennError {
  switch (reason) {
    case "ENOENT":
      return new WrennError("not_found", `there is no program "${cmd}", or its interpreter is missing`);
    case "EACCES":
      return new WrennError("forbidden", `"${cmd}" is not executable for this user`);
    case "E2BIG":
      return new WrennError("invalid_request", "the arguments and variables are larger than the kernel accepts");
    case "EAGAIN":
    case "ENOMEM":
      return new WrennError("insufficient_memory", `no more processes can be started: ${reason}`);
    default:
      return new WrennError("invalid_request", `cannot start "${cmd}": ${reason}`);
  }
}
