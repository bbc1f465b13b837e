/** Notices the end of the processes that `spawnProgram` started. */
import { libc } from "./libc.ts";

const callWaitpid = libc.func("int waitpid(int pid, int *status, int flags)");
const WNOHANG = 1;

/** How a process ended: exactly one of the two is set. */
export interface ExitStatus {
  readonly code: number | undefined;
  /** number of the signal that killed it */
  readonly signal: number | undefined;
}

export class ChildReaper {
  readonly #watched = new Map<number, (status: ExitStatus) => void>();
  readonly #status = new Int32Array(1);

  /** Listens from here on: a process may end before its start returns. */
  constructor() {
    process.on("SIGCHLD", this.#reap);
  }

  /** Forgets the processes, which live on. */
  close(): void {
    process.off("SIGCHLD", this.#reap);
    this.#watched.clear();
  }

  /** Calls back once when the process has ended. To be called in the same turn of the event loop in which it was started. */
  watch(pid: number, onExit: (status: ExitStatus) => void): void {
    this.#watched.set(pid, onExit);
  }

  readonly #reap = (): void => {
    // One signal may stand for several ends.
    for (const [pid, onExit] of this.#watched) {
      if (callWaitpid(pid, this.#status, WNOHANG) !== pid) continue;
      this.#watched.delete(pid);
      onExit(decodeStatus(this.#status[0] ?? 0));
    }
  };
}

/** The two halves of a wait status. */
export function decodeStatus(status: number): ExitStatus {
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff, signal: undefined } : { code: undefined, signal };
}
