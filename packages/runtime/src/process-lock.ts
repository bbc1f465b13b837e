/**
 * A lock between processes that the kernel releases when its holder dies, however it dies: an abstract Unix socket,
 * which needs no file and can never be stale.
 */
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
