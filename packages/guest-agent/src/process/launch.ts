/** Starts a process: the right user, folder and variables, its own process group, pipes for its output. */
import { closeSync, statSync, writeFileSync } from "node:fs";
import { WrennError } from "@wrenn/protocol/errors";
import type { Settings } from "../settings.ts";
import { asUser } from "../system/impersonate.ts";
import { type Pipe, pipe } from "../system/libc.ts";
import { resolveUserPath } from "../system/paths.ts";
import { spawnProgram } from "../system/spawn.ts";
import type { User, Users } from "../system/users.ts";
import { buildEnvironment, checkVariables } from "./environment.ts";

export interface LaunchOptions {
  readonly cmd: string;
  readonly args: readonly string[];
  readonly envs: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  readonly user?: string | undefined;
  /** a pipe on stdin; /dev/null when false */
  readonly stdin: boolean;
}

/** Whom processes run as, and what they are given. */
export interface LaunchContext {
  readonly users: Users;
  readonly settings: Settings;
}

/** A process that runs, and the agent's ends of its pipes as file descriptors. */
export interface Launched {
  readonly pid: number;
  readonly stdin: number | undefined;
  readonly stdout: number;
  readonly stderr: number;
}

/** The processes of a capsule are killed before the agent when its memory is used up. */
const OOM_SCORE = "100";

/** @throws invalid_request, not_found, forbidden or insufficient_memory, saying what cannot be done */
export function launch({ users, settings }: LaunchContext, options: LaunchOptions): Launched {
  const { cmd, args, envs } = options;
  if (cmd === "") throw new WrennError("invalid_request", "the command is empty");
  if (cmd.includes("\0") || args.some((argument) => argument.includes("\0"))) {
    throw new WrennError("invalid_request", "the command or an argument contains NUL");
  }
  checkVariables(envs);
  const user = users.find(options.user || settings.defaultUser);
  const cwd = workingDirectory(options.cwd, settings.defaultWorkdir, user);
  const env = buildEnvironment(user, settings, envs);
  return spawnWithPipes(user, options.stdin, (stdio) => {
    const pid = spawnProgram({ program: cmd, args, env, cwd, stdio });
    if (typeof pid === "string") throw startError(cmd, cwd, pid);
    return pid;
  });
}

/**
 * Pipes, not socket pairs: `/dev/stdout` of a process cannot be opened when it is a socket. They are made as the user,
 * because the owner of a pipe is who may open it there.
 */
function spawnWithPipes(user: User, wantsStdin: boolean, spawn: (stdio: (number | undefined)[]) => number): Launched {
  const pipes: Pipe[] = [];
  const makePipe = (): Pipe => {
    const made = pipe();
    pipes.push(made);
    return made;
  };
  try {
    const launched = asUser(user, () => {
      const stdout = makePipe();
      const stderr = makePipe();
      const stdin = wantsStdin ? makePipe() : undefined;
      const pid = spawn([stdin?.read, stdout.write, stderr.write]);
      return { pid, stdin: stdin?.write, stdout: stdout.read, stderr: stderr.read };
    });
    for (const { read, write } of pipes) closeSync(write === launched.stdin ? read : write);
    setOomScore(launched.pid);
    return launched;
  } catch (error) {
    for (const { read, write } of pipes) {
      closeSync(read);
      closeSync(write);
    }
    throw error;
  }
}

/** A folder that was asked for must exist; a default one that does not is replaced by `/`. */
function workingDirectory(requested: string | undefined, byDefault: string | undefined, user: User): string {
  const cwd = resolveUserPath(requested || byDefault || user.home, user.home);
  if (statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) return cwd;
  if (!requested) return "/";
  throw new WrennError("invalid_request", `the working directory "${cwd}" does not exist or is not a directory`);
}

function startError(cmd: string, cwd: string, reason: string): WrennError {
  switch (reason) {
    case "ENOENT":
      return new WrennError("not_found", `there is no program "${cmd}", or its interpreter is missing`);
    case "EACCES":
      return new WrennError("forbidden", `"${cmd}" is not executable, or "${cwd}" is closed, for this user`);
    case "E2BIG":
      return new WrennError("invalid_request", "the arguments and variables are larger than the kernel accepts");
    case "EAGAIN":
    case "ENOMEM":
      return new WrennError("insufficient_memory", `no more processes can be started: ${reason}`);
    default:
      return new WrennError("invalid_request", `cannot start "${cmd}": ${reason}`);
  }
}

function setOomScore(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, OOM_SCORE);
  } catch {
    // It has ended already, or the kernel has no such file.
  }
}
