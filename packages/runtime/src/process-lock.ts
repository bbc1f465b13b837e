/**
 * A lock between processes that the kernel releases when its holder dies, however it dies: an abstract Unix socket,
 * which needs no file and can never be stale.
 */
import { readdir, readFile, readlink } from "node:fs/promises";
import { createServer } from "node:net";

export interface ProcessLock {
  release(): Promise<void>;
}

/** Undefined when another process of this box holds the lock. `name` has at most 100 bytes. */
export function tryProcessLock(name: string): Promise<ProcessLock | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(`\0${name}`, () => {
      server.unref();
      resolve({ release: () => new Promise((done) => server.close(() => done())) });
    });
  });
}

/** Pid of the process that holds the lock, or undefined when nobody does. */
export async function findLockHolder(name: string): Promise<number | undefined> {
  const sockets = await readFile("/proc/net/unix", "utf8");
  const inode = sockets
    .split("\n")
    .find((line) => line.endsWith(` @${name}`))
    ?.split(/\s+/)[6];
  if (inode === undefined) return undefined;
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry));
  for (const pid of pids) {
    const fds = await readdir(`/proc/${pid}/fd`).catch(() => []);
    const links = await Promise.all(fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")));
    if (links.includes(`socket:[${inode}]`)) return Number(pid);
  }
  return undefined;
}
