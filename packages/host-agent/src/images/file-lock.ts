/** A lock between processes: held by a child process, so that the kernel releases it however its owner ends. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { WrennError } from "@wrenn/protocol/errors";

export interface FileLockOptions {
  signal?: AbortSignal | undefined;
  /** called once when another process holds the lock */
  onWait?: () => void;
}

const PATIENCE_MS = 300;

/**
 * Runs `body` while no other process holds the lock of this file, which is made when missing.
 * @throws program_missing without `flock`; the reason of `signal` when it fires first
 */
export async function withFileLock<T>(path: string, options: FileLockOptions, body: () => Promise<T>): Promise<T> {
  // `cat` echoes one line when it is started, which is when flock has the lock, and ends with our end of the pipe.
  const holder = spawn("flock", ["--exclusive", path, "cat"], {
    stdio: ["pipe", "pipe", "pipe"],
    signal: options.signal,
  });
  const ended = once(holder, "close");
  try {
    const acquired = once(holder.stdout, "data").then(() => true);
    const failed = once(holder, "exit").then(() => false);
    holder.stdin.on("error", () => {}).write("locked\n");
    const patience = new AbortController();
    const waited = sleep(PATIENCE_MS, undefined, { signal: patience.signal }).then(
      () => options.onWait?.(),
      () => {},
    );
    const locked = await Promise.race([acquired, failed]);
    patience.abort();
    await waited;
    if (!locked) throw new WrennError("setup_failed", `cannot lock ${path}: flock ended`);
    return await body();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT" && "syscall" in error) {
      throw new WrennError("program_missing", 'the program "flock" is not installed', { cause: error });
    }
    throw error;
  } finally {
    holder.stdin.end();
    await ended.catch(() => {});
  }
}
