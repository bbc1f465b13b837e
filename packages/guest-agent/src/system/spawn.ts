/**
 * Starts programs by posix_spawn, which borrows the agent's memory until the program begins. Node's child_process forks:
 * that copies page tables and makes dozens of pages fault and split afterwards, in every clone, before the first answer.
 */
import { constants } from "node:fs";
import { join, resolve } from "node:path";
import { bytePath } from "./byte-path.ts";
import { asRealUser } from "./impersonate.ts";
import { checkAccess, errnoName, libc } from "./libc.ts";

const initActions = libc.func("int posix_spawn_file_actions_init(void *actions)");
const addChdir = libc.func("int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)");
const addDup2 = libc.func("int posix_spawn_file_actions_adddup2(void *actions, int fd, int target)");
const addOpen = libc.func(
  "int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, unsigned int mode)",
);
const destroyActions = libc.func("int posix_spawn_file_actions_destroy(void *actions)");
const initAttributes = libc.func("int posix_spawnattr_init(void *attributes)");
const setFlags = libc.func("int posix_spawnattr_setflags(void *attributes, short flags)");
const setSignalDefaults = libc.func("int posix_spawnattr_setsigdefault(void *attributes, const void *signals)");
const callSpawn = libc.func(
  "int posix_spawn(int *pid, const char *path, const void *actions, const void *attributes, const char **argv, const char **envp)",
);

const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
const SETSID = 0x80;
const { O_RDWR, X_OK } = constants;

// More than the structures of any C library take: 80 and 336 bytes in glibc.
const actions = Buffer.alloc(256);
const attributes = Buffer.alloc(512);
const newPid = new Int32Array(1);

initAttributes(attributes);
setFlags(attributes, SETSID | SETSIGMASK | SETSIGDEF);
setSignalDefaults(attributes, Buffer.alloc(128, 0xff));

export interface SpawnOptions {
  /** a path, or a name that is looked for in the PATH of `env` */
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** descriptors for 0, 1 and 2, or the path of a device; the first terminal among them becomes the session's */
  readonly stdio: readonly (number | string)[];
}

/**
 * Starts the program in a session and process group of its own, with no signal blocked or ignored. Returns its pid, or the
 * name of the error. Whoever calls this must have it reaped: see `ChildReaper`.
 */
export function spawnProgram(options: SpawnOptions): number | string {
  const { program, args, env, cwd, stdio } = options;
  initActions(actions);
  try {
    stdio.forEach((source, target) => {
      if (typeof source === "string") addOpen(actions, target, source, O_RDWR, 0);
      else addDup2(actions, source, target);
    });
    addChdir(actions, cwd);
    const envp = [...Object.entries(env).map(([name, value]) => `${name}=${value}`), null];
    return spawnFirst(candidates(program, env["PATH"] ?? "", cwd), [program, ...args], envp);
  } finally {
    destroyActions(actions);
  }
}

/** Where the program may be; those of the PATH that the user cannot execute are left out. */
function* candidates(program: string, path: string, cwd: string): Generator<string> {
  if (program.includes("/")) {
    yield program;
    return;
  }
  for (const folder of path.split(":")) {
    const candidate = join(resolve(cwd, folder), program);
    if (isExecutable(candidate)) yield candidate;
  }
}

function isExecutable(path: string): boolean {
  try {
    checkAccess(bytePath(path), X_OK);
    return true;
  } catch {
    return false;
  }
}

function spawnFirst(
  paths: Iterable<string>,
  argv: readonly string[],
  envp: readonly (string | null)[],
): number | string {
  let failure = "ENOENT";
  for (const path of paths) {
    let error = spawn(path, [...argv, null], envp);
    // A script without `#!` is one for the shell, as execvp and every shell have it.
    if (error !== 0 && errnoName(error) === "ENOEXEC") {
      error = spawn("/bin/sh", ["/bin/sh", path, ...argv.slice(1), null], envp);
    }
    if (error === 0) return newPid[0] ?? 0;
    failure = errnoName(error);
    if (failure !== "ENOENT" && failure !== "EACCES") break;
  }
  return failure;
}

function spawn(path: string, argv: readonly (string | null)[], envp: readonly (string | null)[]): number {
  return asRealUser(() => callSpawn(newPid, path, actions, attributes, argv, envp));
}
